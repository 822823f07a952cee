// SPDX-License-Identifier: Apache-2.0

// A command's environment: what every command gets, then the sandbox's, then the command's own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "guest/users.h"

namespace caisson::guest {

// HOME, USER, LOGNAME, SHELL, PATH, LANG, and TERM when there is a terminal.
std::vector<std::string> base_environment(const User& user, bool terminal);

// "K=V" entries laid over each other: the last value of a name wins, at the place where the name first stood. An entry
// without '=' takes the name out, as `env -u` does.
std::vector<std::string> merge_environment(const std::vector<std::vector<std::string>>& layers);

// The value of a name, "" when it is not there.
std::string_view environment_value(const std::vector<std::string>& environment, std::string_view name);

// The files to try, in this order, for a command: itself when it has a slash, else in each folder of `path` (execvp(3):
// an empty part means the current folder).
std::vector<std::string> program_candidates(const std::string& command, std::string_view path);

}  // namespace caisson::guest
