// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/sandbox_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/disk_space.h"
#include "base/error.h"
#include "base/text.h"
#include "engine/microvm/disk_space.h"
#include "image/templates.h"

namespace caisson::engine::microvm {
namespace {

void prefer(std::string& path, const std::string& own) {
  if (::access(own.c_str(), F_OK) == 0) path = own;
}

// An inode's number is given again to a later file; with the time of its last change it is not.
std::string identity(int file, const char* name) {
  struct stat info {};
  if (::fstat(file, &info) != 0) throw base::system_error("cannot look at", name);
  std::string text = std::string(name) + " " + std::to_string(info.st_dev) + " " + std::to_string(info.st_ino) + " " +
                     std::to_string(info.st_size);
  for (const timespec& time : {info.st_mtim, info.st_ctim})
    text += " " + std::to_string(time.tv_sec) + "." + std::to_string(time.tv_nsec);
  return text + "\n";
}

// Beside the copies: the overlay of the disk, the sandbox's records, the first writes of its guest.
constexpr base::Bytes kSandboxOverhead = base::mebibytes(2);

struct stat look_at(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) throw base::system_error("cannot look at", path);
  return info;
}

}  // namespace

void require_space_for(const std::vector<std::string>& sources, const SandboxFiles& files) {
  base::Bytes needed = kSandboxOverhead;
  const dev_t here = look_at(files.folder).st_dev;
  for (const std::string& source : sources) {
    const struct stat info = look_at(source);
    if (info.st_dev != here) needed.count += static_cast<uint64_t>(info.st_blocks) * 512;
  }
  base::require_space(files.folder, needed, "the sandbox's files",
                      "free some disk space, or set XDG_DATA_HOME to a folder on a larger disk: on the cache's, the "
                      "large files are hard links");
}

void keep_boot_files(const Parts& parts, const SandboxFiles& files) {
  image::link_or_copy(parts.image, files.image());
  image::link_or_copy(parts.kernel, files.kernel());
  image::link_or_copy(parts.initramfs, files.initramfs());
}

void use_kept_boot_files(Parts& parts, const SandboxFiles& files) {
  prefer(parts.image, files.image());
  prefer(parts.kernel, files.kernel());
  prefer(parts.initramfs, files.initramfs());
}

std::string template_identity(int ram, int device_state) {
  return identity(ram, "ram") + identity(device_state, "state");
}

}  // namespace caisson::engine::microvm
