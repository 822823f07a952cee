// SPDX-License-Identifier: Apache-2.0

// What people type because docker has it, and what is its name here.
#pragma once

#include <string_view>

namespace caisson::cli {

// The remedy for a command that is none of ours: "caisson ls lists the sandboxes"; "" where nothing is known of it.
std::string_view habit_of_command(std::string_view command);
// The same for a flag (as it was typed, without a value behind "=") of one of our commands ("run").
std::string_view habit_of_flag(std::string_view command, std::string_view flag);

}  // namespace caisson::cli
