// SPDX-License-Identifier: Apache-2.0

#include "gate/host_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "base/ascii.h"
#include "base/error.h"
#include "base/text.h"

namespace caisson::gate {
namespace {

constexpr std::string_view kDecimal = "0123456789";

bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

// "7", "0x7f", "0x": what inet_aton reads as a number.
bool is_number(std::string_view label) {
  if (label.starts_with("0x")) return label.find_first_not_of("0123456789abcdef", 2) == std::string_view::npos;
  return label.find_first_not_of(kDecimal) == std::string_view::npos;
}

struct Problem {
  std::string_view text;
  std::string_view hint = {};
};

std::optional<Problem> label_problem(std::string_view label) {
  if (label.empty()) return Problem{"it has an empty label"};
  if (label.size() > kMaxLabelBytes) return Problem{"it has a label of more than 63 bytes"};
  if (label.front() == '-' || label.back() == '-') return Problem{"it has a label that begins or ends with '-'"};
  for (char c : label) {
    if (static_cast<uint8_t>(c) >= 0x80)
      return Problem{"it is not ASCII", "write its IDNA form, which begins with xn--"};
    if (!is_name_byte(c)) return Problem{"a host name has letters, digits, '-', '_' and dots only"};
  }
  return std::nullopt;
}

// Of a name in lower case without its trailing dot.
std::optional<Problem> name_problem(std::string_view name) {
  if (name.empty()) return Problem{"the name is missing"};
  if (name.size() > kMaxNameBytes) return Problem{"it has more than 253 bytes"};
  for (std::string_view rest = name;;) {
    const size_t dot = rest.find('.');
    if (const auto problem = label_problem(rest.substr(0, dot))) return problem;
    if (dot == std::string_view::npos) {
      if (is_number(rest)) return Problem{"its last label is a number", "write an IP address in full"};
      return std::nullopt;
    }
    rest.remove_prefix(dot + 1);
  }
}

std::string lowered(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  return base::ascii_lower(text);
}

}  // namespace

std::optional<std::string> normal_name(std::string_view text) {
  if (text.size() > kMaxNameBytes + 1) return std::nullopt;
  std::string name = lowered(text);
  if (name_problem(name)) return std::nullopt;
  return name;
}

std::string checked_name(std::string_view text) {
  std::string name = lowered(text.substr(0, kMaxNameBytes + 2));
  if (const auto problem = name_problem(name)) {
    throw base::Error(fmt::format("{} is not a host name: {}", base::in_quotes(text.substr(0, 80)), problem->text),
                      std::string(problem->hint));
  }
  return name;
}

std::string_view parent_name(std::string_view name) {
  const size_t dot = name.find('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
}

}  // namespace caisson::gate
