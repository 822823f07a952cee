// SPDX-License-Identifier: Apache-2.0

// The archive of a hostile sandbox: whatever the bytes are, nothing appears or changes outside of TARGET/x.

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "cli/archive_unpack.h"

namespace {

namespace fs = std::filesystem;
using namespace caisson;

void require(bool holds) {
  if (!holds) std::abort();
}

// A folder with a neighbour that must stay as it is, made once.
struct World {
  base::TempFolder root;
  std::string target = root / "target";
  std::string neighbour = root / "neighbour";
  World() {
    fs::create_directory(target);
    std::ofstream(neighbour) << "untouched";
  }
  void check() const {
    for (const auto& entry : fs::directory_iterator(root.path())) {
      require(entry.path() == target || entry.path() == neighbour);
    }
    for (const auto& entry : fs::directory_iterator(target)) require(entry.path().filename() == "x");
    require(base::read_file(neighbour) == "untouched");
    require(fs::hard_link_count(neighbour) == 1);
  }
  void clean() const {
    // Folders without permissions can have been made; as root that is no matter, else they are opened first.
    std::error_code error;
    for (auto entry = fs::recursive_directory_iterator(target, error); entry != fs::recursive_directory_iterator();
         entry.increment(error)) {
      if (!entry->is_symlink() && entry->is_directory()) fs::permissions(entry->path(), fs::perms::owner_all, error);
    }
    fs::remove_all(target + "/x", error);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const World world;
  const base::Fd file(memfd_create("archive", MFD_CLOEXEC));
  base::write_all(file.get(), {reinterpret_cast<const char*>(data), size}, "archive");
  lseek(file.get(), 0, SEEK_SET);
  try {
    cli::unpack({.input = file.get(), .top = "x", .target = cli::open_target(world.target)});
  } catch (const base::Error&) {
    // Refused, in words.
  }
  world.check();
  world.clean();
  return 0;
}
