// SPDX-License-Identifier: Apache-2.0

#include "cli/question.h"

#include <fmt/format.h>
#include <termios.h>

#include <iostream>
#include <string>

#include "base/text.h"
#include "cli/terminal.h"

namespace caisson::cli {

bool can_ask() {
  return is_terminal(0) && is_terminal(2);
}

bool ask_yes(std::string_view question) {
  // What was typed before the question is no answer to it.
  ::tcflush(0, TCIFLUSH);
  fmt::print(stderr, "{} [y/N] ", question);
  std::fflush(stderr);
  std::string line;
  if (!std::getline(std::cin, line)) {
    fmt::print(stderr, "\n");
    return false;
  }
  const std::string_view answer = base::trimmed(line);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace caisson::cli
