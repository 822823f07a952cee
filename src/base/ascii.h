// SPDX-License-Identifier: Apache-2.0

// Letters as protocols compare them (RFC 20), whatever the locale says. Pure, safe from any thread.
#pragma once

#include <string>
#include <string_view>

namespace caisson::base {

// A to Z in lower case; every other byte stays.
constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

inline std::string ascii_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = ascii_lower(c);
  return lower;
}

}  // namespace caisson::base
