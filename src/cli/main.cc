// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <string>
#include <vector>

#include "base/standard_streams.h"
#include "cli/command_line.h"
#include "cli/complete.h"
#include "cli/interruption.h"
#include "cli/keeper_command.h"

int main(int argc, char** argv) {
  caisson::base::open_standard_streams();
  std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  // Those that people never type are not in the list of commands.
  if (!words.empty() && words[0] == "keeper") return caisson::cli::run_keeper({words.begin() + 1, words.end()});
  if (!words.empty() && words[0] == "__remove") return caisson::cli::run_remove({words.begin() + 1, words.end()});
  if (!words.empty() && words[0] == "__complete") return caisson::cli::run_complete({words.begin() + 1, words.end()});
  return caisson::cli::run_command_line(std::move(words));
}
