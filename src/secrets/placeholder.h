// SPDX-License-Identifier: Apache-2.0

// What stands for a secret in a sandbox: random text of the shape that the service's clients expect, so that they take
// it, made anew for each sandbox and secret. It is worth nothing anywhere but at the gate.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::secrets {

struct PlaceholderShape {
  std::string_view prefix;    // "ghp_"
  std::string_view alphabet;  // of what follows it
  size_t length = 0;          // of what follows it; at least 119 bits in all
  std::string_view suffix = {};
};

inline constexpr std::string_view kLettersAndDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
inline constexpr std::string_view kUrlSafe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
inline constexpr std::string_view kHexDigits = "0123456789abcdef";

// Of a secret that belongs to no service of known_services.h.
inline constexpr PlaceholderShape kOwnShape{.prefix = "caisson_", .alphabet = kLettersAndDigits, .length = 40};

// From the kernel's random generator; throws base::Error.
std::string make_placeholder(const PlaceholderShape& shape);

struct Occurrence {
  size_t position = 0;  // of its first byte
  size_t which = 0;     // the index among those that were looked for

  bool operator==(const Occurrence&) const = default;
};

// Where these texts (none of them empty) are in the bytes, by position. Who looks through pieces of a stream keeps the
// last bytes of each, one fewer than the longest text has, in front of the next.
std::vector<Occurrence> find_all(std::string_view bytes, std::span<const std::string_view> texts);

}  // namespace caisson::secrets
