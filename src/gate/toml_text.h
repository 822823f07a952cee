// SPDX-License-Identifier: Apache-2.0

// TOML (toml.io, 1.0) from a text that anybody may have written. This file is the only one that includes toml++, whose
// version 3.3 (Debian 12) does what is undefined on some texts; it is told and given what keeps it from that.
#pragma once

#include <string>
#include <string_view>

namespace caisson::gate {

// A broken promise of toml++ to itself ("[" alone on a line brings one about). Its assertions throw this in every
// build: left out, they are promises to the compiler, and the text decides what breaks.
struct TomlBroken {};
[[noreturn]] void fail_toml();

}  // namespace caisson::gate

#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_ASSERT(holds) (static_cast<bool>(holds) ? static_cast<void>(0) : ::caisson::gate::fail_toml())
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

namespace caisson::gate {

// Dots outside strings and comments. Each may nest a table in a table, and toml++ goes down into tables by recursion;
// it bounds brackets itself, not dots.
inline constexpr size_t kMaxTomlDots = 1000;

// Throws a base::Error that begins with the line: "line 3: …". Bytes that are not ASCII are refused but in comments:
// toml++ asks of characters outside strings, and of some inside, whether they are blanks, and what it does for U+00A1,
// for example, is undefined. A string can have any as an escape.
toml::table parse_toml(std::string_view text);

// The text with a question mark for each byte that is not ASCII, for where nothing that matters has such.
std::string ascii_of(std::string_view text);

}  // namespace caisson::gate
