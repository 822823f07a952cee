// SPDX-License-Identifier: Apache-2.0

// A table of variables of a TOML file: NAME = "text".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gate/toml_text.h"

namespace caisson::gate {

// Letters, digits and '_', and no digit first.
bool is_variable_name(std::string_view name);

// As "NAME=text", as a sandbox's environment may have them, `most` at most. Throws a base::Error that begins with the
// line and names the remedy.
std::vector<std::string> toml_environment(const toml::table& table, size_t most);

}  // namespace caisson::gate
