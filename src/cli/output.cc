// SPDX-License-Identifier: Apache-2.0

#include "cli/output.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

namespace caisson::cli {

Output::Output(int fd) : fd_(fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return;
  if (S_ISREG(status.st_mode)) kind_ = Kind::kFile;
  if (S_ISSOCK(status.st_mode)) kind_ = Kind::kSocket;
  if (!S_ISFIFO(status.st_mode)) return;
  // Fails with ENXIO when the reader has already gone: then the old descriptor says so with EPIPE.
  own_ = base::Fd(open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (own_) kind_ = Kind::kPipe;
}

size_t Output::write_some(std::span<const uint8_t> bytes) {
  if (error_ != 0) return bytes.size();
  if (kind_ == Kind::kOther) {
    pollfd ready{fd_, POLLOUT, 0};
    if (poll(&ready, 1, 0) == 0) return 0;
  }
  while (true) {
    const size_t length = kind_ == Kind::kOther ? std::min<size_t>(bytes.size(), PIPE_BUF) : bytes.size();
    const ssize_t count = kind_ == Kind::kSocket ? send(fd_, bytes.data(), length, MSG_DONTWAIT | MSG_NOSIGNAL)
                                                 : write(fd(), bytes.data(), length);
    if (count >= 0) return static_cast<size_t>(count);
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return 0;
    error_ = errno;
    return bytes.size();
  }
}

}  // namespace caisson::cli
