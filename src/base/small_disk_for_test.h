// SPDX-License-Identifier: Apache-2.0

// A disk that is soon full.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <string>

#include "base/fd.h"

namespace caisson::base {

// A file system of 256 KiB and so many files at `path`, seen by this process alone.
inline bool mount_small(const std::string& path, int files = 1024) {
  const std::string uid = std::to_string(::geteuid());
  const std::string gid = std::to_string(::getegid());
  const bool is_root = uid == "0";
  if (::unshare(CLONE_NEWNS | (is_root ? 0 : CLONE_NEWUSER)) != 0) return false;
  if (!is_root) {
    const auto write = [](const std::string& name, const std::string& text) {
      write_all(open_file("/proc/self/" + name, O_WRONLY).get(), text, name);
    };
    write("uid_map", "0 " + uid + " 1\n");
    write("setgroups", "deny");
    write("gid_map", "0 " + gid + " 1\n");
  }
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  const std::string options = "size=256k,mode=755,nr_inodes=" + std::to_string(files);
  return ::mount("none", path.c_str(), "tmpfs", 0, options.c_str()) == 0;
}

}  // namespace caisson::base
