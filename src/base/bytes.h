// SPDX-License-Identifier: Apache-2.0

// An amount of memory or disk, in bytes, with the unit in the type.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace caisson::base {

struct Bytes {
  uint64_t count = 0;

  constexpr auto operator<=>(const Bytes&) const = default;
  constexpr uint64_t mebibytes() const { return count >> 20; }
};

constexpr Bytes kibibytes(uint64_t n) {
  return Bytes{n << 10};
}
constexpr Bytes mebibytes(uint64_t n) {
  return Bytes{n << 20};
}
constexpr Bytes gibibytes(uint64_t n) {
  return Bytes{n << 30};
}

// "512M", "2G", "1.5g", "4096" (bytes), "8GiB", "100kb": suffixes are powers of 1024, as docker reads them.
// Throws an Error that names `text` and shows the form.
Bytes parse_bytes(std::string_view text);

// "1.5 GiB", "512 MiB", "17 B": for people.
std::string to_string(Bytes amount);

}  // namespace caisson::base
