// SPDX-License-Identifier: Apache-2.0

#include "base/own_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

namespace caisson::base {

Fd open_own_file(const std::string& path, unsigned forbidden_mode) {
  // Without O_NONBLOCK the opening of a named pipe waits for somebody who writes.
  Fd file = open_if_exists(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!file) return file;
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw system_error("cannot look at", path);
  if (!S_ISREG(info.st_mode)) throw Error("it is not a file");
  if (info.st_uid != ::geteuid() || (info.st_mode & forbidden_mode) != 0)
    throw Error((forbidden_mode & 044) != 0 ? "another user owns it or may read it"
                                            : "another user owns it or may write to it");
  return file;
}

}  // namespace caisson::base
