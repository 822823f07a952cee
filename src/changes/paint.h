// SPDX-License-Identifier: Apache-2.0

// A patch for a terminal: coloured as git does it, and with everything that could steer the terminal escaped. git
// itself passes on what is in the files; those are a guest's.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace caisson::changes {

class Painter {
 public:
  enum class Colour : uint8_t { kNo, kYes };
  Painter(Colour colour, std::function<void(std::string_view)> out) : colour_(colour), out_(std::move(out)) {}

  // In any pieces.
  void feed(std::string_view text);
  void finish();

 private:
  void line(std::string_view text);
  const char* style_of(std::string_view text);
  void begin_hunk(std::string_view text);

  Colour colour_;
  std::function<void(std::string_view)> out_;
  std::string pending_;
  bool continues_ = false;  // the pending text is a part of a line whose beginning was given out
  const char* style_ = "";  // of that line
  uint64_t old_lines_ = 0;  // that are left of the hunk
  uint64_t new_lines_ = 0;
};

}  // namespace caisson::changes
