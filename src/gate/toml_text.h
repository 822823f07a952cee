// SPDX-License-Identifier: Apache-2.0

// TOML (toml.io, 1.0) from a text that anybody may have written.
#pragma once

#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <string_view>

namespace caisson::gate {

// Dots outside strings and comments. Each may nest a table in a table, and toml++ goes down into tables by recursion;
// it bounds brackets itself, not dots.
inline constexpr size_t kMaxTomlDots = 1000;

// Throws a base::Error that begins with the line: "line 3: …".
toml::table parse_toml(std::string_view text);

}  // namespace caisson::gate
