// SPDX-License-Identifier: Apache-2.0

// One of the user's output descriptors (stdout, stderr), written without ever blocking the loop that also has to read
// keys and signals.
//
// O_NONBLOCK belongs to the open file, which other programs share: setting it on an inherited descriptor would break
// them. So a pipe is opened a second time through /proc/self/fd with O_NONBLOCK, a socket takes MSG_DONTWAIT, a file
// never blocks, and to a terminal, which can't be opened again when it belongs to another user, at most what poll(2)
// promises a pipe (PIPE_BUF) is written at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/fd.h"

namespace caisson::cli {

class Output {
 public:
  explicit Output(int fd);

  // The descriptor to poll for POLLOUT.
  int fd() const { return own_ ? own_.get() : fd_; }
  // How much was taken: 0 when it would block. After a failure everything is taken and dropped; see error().
  size_t write_some(std::span<const uint8_t> bytes);
  // errno of the first failed write (EPIPE: the reader has gone), or 0.
  int error() const { return error_; }

 private:
  enum class Kind { kFile, kSocket, kPipe, kOther };

  int fd_;
  base::Fd own_;
  Kind kind_ = Kind::kOther;
  int error_ = 0;
};

}  // namespace caisson::cli
