// SPDX-License-Identifier: Apache-2.0

// The output of a program, line by line, as it comes.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/process.h"

namespace caisson::image {

class LineReader {
 public:
  explicit LineReader(std::function<void(std::string_view)> on_line) : on_line_(std::move(on_line)) {}
  // Reads what is there from a readable descriptor; false at its end. Lines end with \n or \r and are cut at 4 KiB.
  bool read(int fd);
  // The last 4 KiB of all lines, for error messages.
  const std::string& tail() const { return tail_; }

 private:
  void take(std::string_view line);

  std::function<void(std::string_view)> on_line_;
  std::string pending_;
  std::string tail_;
};

// Runs a program, gives both its outputs to `lines`, and calls `idle` at least twice a second while it says nothing.
base::ExitStatus follow_program(base::SpawnOptions options, LineReader& lines, const std::function<void()>& idle);

}  // namespace caisson::image
