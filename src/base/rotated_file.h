// SPDX-License-Identifier: Apache-2.0

// A file that is appended to and never grows past a bound: when it is full it becomes PATH.1, in place of the one
// before.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.h"

namespace caisson::base {

class RotatedFile {
 public:
  // Goes on behind what is there. `max_bytes` is the size of one of the two files.
  RotatedFile(std::string path, size_t max_bytes);

  // A failure (a full disk) loses the bytes, not the sandbox: the record is a service, and every writer would have to
  // choose the same. lost_bytes() tells.
  void append(std::string_view bytes) noexcept;
  uint64_t lost_bytes() const { return lost_; }
  // The same for a line, which is lost as a whole (false) or is there as a whole, in one of the two files. One that is
  // longer than the bound is lost.
  bool append_line(std::string_view line) noexcept;

 private:
  void rotate();

  std::string path_;
  size_t max_bytes_;
  Fd file_;
  size_t size_ = 0;
  uint64_t lost_ = 0;
};

}  // namespace caisson::base
