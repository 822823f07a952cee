// SPDX-License-Identifier: Apache-2.0

#include "base/bytes.h"

#include <fmt/format.h>

#include <cmath>

#include "base/ascii.h"
#include "base/error.h"
#include "base/text.h"

namespace caisson::base {
namespace {

constexpr std::string_view kUnits = "kmgt";

Error bad_size(std::string_view text) {
  return Error("not a size: " + in_quotes(text), "give a number with K, M, G or T behind it, for example 512M or 2G");
}

}  // namespace

Bytes parse_bytes(std::string_view text) {
  const std::string lower = ascii_lower(text);
  size_t end = lower.find_first_not_of("0123456789.");
  if (end == std::string::npos) end = lower.size();
  const std::string_view suffix = std::string_view(lower).substr(end);

  int shift = 0;
  if (!suffix.empty() && suffix != "b") {
    const size_t unit = kUnits.find(suffix[0]);
    const std::string_view rest = suffix.substr(1);
    if (unit == std::string_view::npos || (!rest.empty() && rest != "b" && rest != "ib")) throw bad_size(text);
    shift = 10 * (static_cast<int>(unit) + 1);
  }
  const auto number = parse_number<double>(std::string_view(lower).substr(0, end));
  if (!number || !std::isfinite(*number)) throw bad_size(text);
  const double bytes = std::ldexp(*number, shift);
  if (bytes > std::ldexp(1.0, 62)) throw Error("too large: " + in_quotes(text), "a size is less than 4194304T");
  if (bytes < 1) throw bad_size(text);
  return Bytes{static_cast<uint64_t>(bytes)};
}

std::string to_string(Bytes amount) {
  constexpr const char* kNames[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(amount.count);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kNames)) {
    value /= 1024;
    ++unit;
  }
  const bool whole = unit == 0 || value >= 100 || std::floor(value) == value;
  if (std::round(value) >= 1024 && unit + 1 < std::size(kNames)) return fmt::format("1 {}", kNames[unit + 1]);
  return whole ? fmt::format("{:.0f} {}", value, kNames[unit]) : fmt::format("{:.1f} {}", value, kNames[unit]);
}

}  // namespace caisson::base
