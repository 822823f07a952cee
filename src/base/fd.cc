// SPDX-License-Identifier: Apache-2.0

#include "base/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

namespace caisson::base {

void Fd::reset(int fd) noexcept {
  // close(2): the descriptor is gone on Linux whatever the result, EINTR included; never retry.
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

Fd Fd::duplicate() const {
  const int copy = ::fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw system_error("cannot duplicate descriptor", std::to_string(fd_));
  return Fd(copy);
}

Fd open_file(const std::string& path, int flags, unsigned mode, int dir) {
  const int fd = ::openat(dir < 0 ? AT_FDCWD : dir, path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0) throw system_error("cannot open", path);
  return Fd(fd);
}

Fd open_if_exists(const std::string& path, int flags, int dir) {
  const int fd = ::openat(dir < 0 ? AT_FDCWD : dir, path.c_str(), flags | O_CLOEXEC);
  if (fd < 0 && errno != ENOENT && errno != ENOTDIR) throw system_error("cannot open", path);
  return Fd(fd);
}

FdPair make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw system_error("cannot make", "pipe");
  return {Fd(ends[0]), Fd(ends[1])};
}

FdPair make_socketpair(int type_flags) {
  int ends[2];
  const int type = (type_flags & ~SOCK_NONBLOCK) == 0 ? SOCK_STREAM | type_flags : type_flags;
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) throw system_error("cannot make", "socket pair");
  return {Fd(ends[0]), Fd(ends[1])};
}

std::string read_all(int fd, size_t max_bytes, std::string_view name) {
  std::string out;
  char buffer[65536];
  while (true) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw system_error("cannot read", name);
    if (got == 0) return out;
    if (out.size() + static_cast<size_t>(got) > max_bytes)
      throw Error("cannot read " + in_quotes(name) + ": it is larger than " + std::to_string(max_bytes) + " bytes");
    out.append(buffer, static_cast<size_t>(got));
  }
}

void write_all(int fd, std::span<const char> bytes, std::string_view name) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put >= 0) {
      bytes = bytes.subspan(static_cast<size_t>(put));
    } else if (errno == EAGAIN) {
      pollfd wait{.fd = fd, .events = POLLOUT, .revents = 0};
      ::poll(&wait, 1, -1);
    } else if (errno != EINTR) {
      throw system_error("cannot write", name);
    }
  }
}

void set_nonblocking(int fd, bool nonblocking) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0)
    throw system_error("cannot set the flags of descriptor", std::to_string(fd));
}

}  // namespace caisson::base
