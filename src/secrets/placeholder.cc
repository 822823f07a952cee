// SPDX-License-Identifier: Apache-2.0

#include "secrets/placeholder.h"

#include <algorithm>
#include <cstdint>
#include <tuple>

#include "base/random.h"

namespace caisson::secrets {

std::string make_placeholder(const PlaceholderShape& shape) {
  constexpr size_t kPortion = 64;
  // Bytes from here on would make the first letters of the alphabet likelier than the others.
  const size_t unfair = 256 - 256 % shape.alphabet.size();
  std::string text(shape.prefix);
  const size_t whole = shape.prefix.size() + shape.length;
  while (text.size() < whole) {
    for (const char random : base::random_bytes(kPortion)) {
      const auto number = static_cast<uint8_t>(random);
      if (number < unfair && text.size() < whole) text += shape.alphabet[number % shape.alphabet.size()];
    }
  }
  return text + std::string(shape.suffix);
}

std::vector<Occurrence> find_all(std::string_view bytes, std::span<const std::string_view> texts) {
  std::vector<Occurrence> found;
  for (size_t which = 0; which < texts.size(); ++which) {
    for (size_t at = bytes.find(texts[which]); at != std::string_view::npos; at = bytes.find(texts[which], at + 1))
      found.push_back({.position = at, .which = which});
  }
  std::sort(found.begin(), found.end(), [](const Occurrence& one, const Occurrence& other) {
    return std::tie(one.position, one.which) < std::tie(other.position, other.which);
  });
  return found;
}

}  // namespace caisson::secrets
