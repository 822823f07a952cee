// SPDX-License-Identifier: Apache-2.0

// The command line as a whole: which command, where its own options end, and what to say when a word is not known.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace caisson::cli {

// Takes the command's tail out of `words` (what stands behind the command's name): everything behind "--", or from the
// first word on that is neither an option of `command`, nor an option's value, nor one of the first `words_before`
// words.
Tail cut_tail(const CLI::App& command, int words_before, std::vector<std::string>& words);

// The candidate that a person most likely meant, or "" when none is near.
std::string closest(std::string_view word, const std::vector<std::string>& candidates);

// Runs the command line `words` (without the program's name) and returns the exit code. Errors are printed.
int run_command_line(std::vector<std::string> words);

}  // namespace caisson::cli
