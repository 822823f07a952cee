// SPDX-License-Identifier: Apache-2.0

// File descriptors with an owner. Every descriptor of Caisson is made by one of these functions, is close-on-exec from
// birth, and is owned by an Fd from the line that makes it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace caisson::base {

// Owns one descriptor, or none. Move-only.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept;
  // A second descriptor for the same open file (F_DUPFD_CLOEXEC). Throws.
  Fd duplicate() const;

 private:
  int fd_ = -1;
};

struct FdPair {
  Fd first;
  Fd second;
};

// openat(2) with O_CLOEXEC added; throws an Error that names `path`. `dir` -1 means AT_FDCWD.
Fd open_file(const std::string& path, int flags, unsigned mode = 0600, int dir = -1);
// The same, but nothing when the file does not exist (ENOENT, ENOTDIR).
Fd open_if_exists(const std::string& path, int flags, int dir = -1);

// pipe2(2): `first` is the read end.
FdPair make_pipe();
// socketpair(2), AF_UNIX, SOCK_STREAM unless told.
FdPair make_socketpair(int type_flags = 0);

// Reads until end of file; more than `max_bytes` is an Error that names `name`.
std::string read_all(int fd, size_t max_bytes, std::string_view name);
// Writes all of it, waiting as long as it takes; throws.
void write_all(int fd, std::span<const char> bytes, std::string_view name);

void set_nonblocking(int fd, bool nonblocking);

}  // namespace caisson::base
