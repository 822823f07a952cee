// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"

namespace caisson::engine::microvm {

void make_base_disk(const std::string& path, base::Bytes size) {
  {
    const base::Fd file = base::open_file(path, O_RDWR | O_CREAT | O_TRUNC);
    if (::ftruncate(file.get(), static_cast<off_t>(size.count)) != 0)
      throw base::system_error("cannot make the disk", path);
  }
  // The file is new and sparse, so nothing has to be zeroed, neither now nor by the guest's kernel later.
  base::run_checked({"mkfs.ext4", "-q", "-F", "-m", "0", "-E",
                     "assume_storage_prezeroed=1,lazy_itable_init=0,lazy_journal_init=0,nodiscard", "-O",
                     "^resize_inode", path});
}

void make_overlay(const std::string& path, base::Bytes size) {
  base::run_checked({"qemu-img", "create", "-q", "-f", "qcow2", path, std::to_string(size.count)});
}

base::Bytes largest_file(base::Bytes disk, base::Bytes memory) {
  return {std::max(disk.count + disk.count / 32 + base::mebibytes(64).count, memory.count)};
}

}  // namespace caisson::engine::microvm
