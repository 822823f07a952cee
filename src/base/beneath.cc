// SPDX-License-Identifier: Apache-2.0

#include "base/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/text.h"

namespace caisson::base {
namespace {

Fd open_resolved(int dir, const char* path, int flags, unsigned mode, uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.mode = mode;
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | resolve;
  while (true) {
    const auto fd = static_cast<int>(::syscall(SYS_openat2, dir, path, &how, sizeof how));
    // A rename anywhere meanwhile makes RESOLVE_BENEATH try again (openat2(2)).
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) return Fd(fd);
  }
}

}  // namespace

Fd open_without_links(const std::string& path, int flags) {
  return open_resolved(AT_FDCWD, path.c_str(), flags, 0, 0);
}

Fd open_beneath(int dir, const std::string& path, int flags, unsigned mode) {
  return open_resolved(dir, path.empty() ? "." : path.c_str(), flags | O_NOFOLLOW, mode, RESOLVE_BENEATH);
}

std::optional<std::string> read_beneath(int dir, const std::string& path, size_t max_bytes) {
  const Fd file = open_beneath(dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  if (!file && errno == ELOOP) throw Error("cannot read " + in_quotes(path) + ": there is a symbolic link", "", ELOOP);
  if (!file) throw system_error("cannot read", path);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw system_error("cannot read", path);
  if (!S_ISREG(info.st_mode)) throw Error("cannot read " + in_quotes(path) + ": it is not a file");
  return read_all(file.get(), max_bytes, path);
}

}  // namespace caisson::base
