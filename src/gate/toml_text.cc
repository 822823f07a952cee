// SPDX-License-Identifier: Apache-2.0

#include "gate/toml_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "base/text.h"

namespace caisson::gate {
namespace {

constexpr const char* kTomlForm = "the form is TOML's, see toml.io";

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

bool is_ascii(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}

size_t line_of(std::string_view text, size_t at) {
  return 1 + static_cast<size_t>(std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(at), '\n'));
}

// The text in which toml++ can come to no harm; see toml_text.h.
std::string harmless(std::string_view text) {
  std::string out;
  size_t dots = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = end_of_opaque(text, at);
    const std::string_view piece = text.substr(at, end - at);
    const auto odd = std::find_if_not(piece.begin(), piece.end(), is_ascii);
    if (odd != piece.end() && piece[0] != '#') {
      const size_t line = line_of(text, at + static_cast<size_t>(odd - piece.begin()));
      throw base::Error(fmt::format("line {}: it has what is not ASCII outside a comment", line),
                        "in a string in double quotes, write \\u and the character's number");
    }
    if (piece[0] == '.' && ++dots > kMaxTomlDots) {
      throw base::Error(
          fmt::format("line {}: it has more than {} dots outside strings", line_of(text, at), kMaxTomlDots),
          "write names that have dots in quotes");
    }
    out += ascii_of(piece);
    at = end;
  }
  return out;
}

// The first line on which a text breaks toml++: texts that end before it do not.
size_t broken_line(std::string_view text) {
  const auto breaks = [&](size_t end) {
    try {
      static_cast<void>(toml::parse(text.substr(0, end)));
    } catch (const toml::parse_error&) {
      return false;  // it ends in the middle of something
    } catch (const TomlBroken&) {
      return true;
    }
    return false;
  };
  size_t sound = 0;
  size_t broken = text.size();
  while (broken - sound > 1) {
    const size_t middle = sound + (broken - sound) / 2;
    (breaks(middle) ? broken : sound) = middle;
  }
  return line_of(text, sound);
}

}  // namespace

void fail_toml() {
  throw TomlBroken();
}

std::string ascii_of(std::string_view text) {
  std::string out(text);
  std::replace_if(out.begin(), out.end(), std::not_fn(is_ascii), '?');
  return out;
}

toml::table parse_toml(std::string_view text) {
  // The mark that some editors begin a file with.
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const std::string safe = harmless(text);
  try {
    return toml::parse(std::string_view(safe));
  } catch (const toml::parse_error& error) {
    throw base::Error(fmt::format("line {}: {}", error.source().begin.line, base::escaped(error.description())),
                      kTomlForm);
  } catch (const TomlBroken&) {
    throw base::Error(fmt::format("line {}: it is not TOML", broken_line(safe)), kTomlForm);
  }
}

}  // namespace caisson::gate
