// SPDX-License-Identifier: Apache-2.0

// Archives into a temporary folder, with and without whiteouts. Beside the tree lies a file that must stay as it is.

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "image/unpack.h"

namespace image = caisson::image;
namespace base = caisson::base;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const base::TempFolder folder;
  const std::string canary = folder.path() + "/canary";
  std::filesystem::create_directory(folder.path() + "/tree");
  base::write_file_atomic(canary, "alive");
  const base::Fd file(::memfd_create("archive", MFD_CLOEXEC));
  base::write_all(file.get(), {reinterpret_cast<const char*>(data) + 1, size - 1}, "archive");
  image::UnpackOptions options;
  options.whiteouts = (data[0] & 1U) != 0;
  options.require_end = (data[0] & 2U) != 0;
  options.limits = {.max_bytes = 1U << 20, .max_entries = 1000, .max_xattr_bytes = 4096};
  image::UnpackTotals totals;
  try {
    image::Tree tree(folder.path() + "/tree", image::Ownership::kPlain);
    for (int round = 0; round < 2; ++round) {  // the second time as a layer over the first
      ::lseek(file.get(), 0, SEEK_SET);
      image::unpack_layer(file.get(), "fuzz", tree, totals, options);
    }
  } catch (const base::Error&) {
  }
  if (base::read_file(canary) != "alive") std::abort();
  if (std::distance(std::filesystem::directory_iterator(folder.path()), std::filesystem::directory_iterator()) != 2)
    std::abort();
  return 0;
}
