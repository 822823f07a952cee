// SPDX-License-Identifier: Apache-2.0

// Text that is shown to a person, and the small conversions everyone needs. Nothing here allocates without bound
// beyond its input; all functions are pure and safe from any thread.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::base {

// `text` made safe to show on a terminal: control bytes, DEL and invalid UTF-8 become \xHH, a newline \n, a backslash
// stays. Everything that comes from a guest, a file or the network goes through here before it is printed.
std::string escaped(std::string_view text);

// escaped(text) in single quotes, as error messages name objects.
std::string in_quotes(std::string_view text);

std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trimmed(std::string_view text);

// The whole of `text` as a decimal number, or nothing (blanks, overflow and trailing bytes are refused).
template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

std::string hex(std::string_view bytes);
// The bytes of an even number of hexadecimal digits, of either case; nothing where `digits` is anything else.
std::optional<std::string> from_hex(std::string_view digits);

}  // namespace caisson::base
