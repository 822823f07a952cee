// SPDX-License-Identifier: Apache-2.0

#include "gate/toml_text.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace caisson::gate {
namespace {

// Where the string or comment that begins at `at` ends; `at` + 1 where none begins. Exact for TOML; what is no TOML is
// refused by the parser at the first byte on which the two could differ.
size_t end_of_opaque(std::string_view text, size_t at) {
  const char quote = text[at];
  if (quote == '#') return std::min(text.find('\n', at), text.size());
  if (quote != '"' && quote != '\'') return at + 1;
  const std::string three(3, quote);
  const bool many_lines = text.substr(at, 3) == three;
  const std::string_view closing = std::string_view(three).substr(0, many_lines ? 3 : 1);
  for (size_t i = at + closing.size(); i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text.substr(i, closing.size()) == closing) {
      i += closing.size();
      // A string of several lines may end with one or two quotes of its own.
      for (int own = 0; many_lines && own < 2 && i < text.size() && text[i] == quote; ++own) ++i;
      return i;
    } else if (!many_lines && text[i] == '\n') {
      return i;
    }
  }
  return text.size();
}

size_t dots_outside_strings(std::string_view text) {
  size_t dots = 0;
  for (size_t at = 0; at < text.size(); at = end_of_opaque(text, at)) dots += text[at] == '.' ? 1 : 0;
  return dots;
}

}  // namespace

toml::table parse_toml(std::string_view text) {
  if (dots_outside_strings(text) > kMaxTomlDots) {
    throw base::Error(fmt::format("line 1: it has more than {} dots outside strings", kMaxTomlDots),
                      "write names that have dots in quotes");
  }
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    throw base::Error(fmt::format("line {}: {}", error.source().begin.line, base::escaped(error.description())),
                      "the form is TOML's, see toml.io");
  }
}

}  // namespace caisson::gate
