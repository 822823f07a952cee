// SPDX-License-Identifier: Apache-2.0

// Reverse names (RFC 1035, 3.5; RFC 3596, 2.5).

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/text.h"
#include "gate/dns.h"

namespace caisson::gate {
namespace {

std::optional<IpAddress> reverse_v4(std::string_view labels) {
  std::vector<std::string> parts = base::split(labels, '.');
  if (parts.size() != 4) return std::nullopt;
  std::reverse(parts.begin(), parts.end());
  return IpAddress::parse(base::join(parts, "."));
}

std::optional<IpAddress> reverse_v6(std::string_view labels) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<uint8_t, 16> bytes{};
  if (labels.size() != 63) return std::nullopt;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (i % 2 == 1) {
      if (labels[i] != '.') return std::nullopt;
      continue;
    }
    const size_t nibble = kDigits.find(labels[i]);
    if (nibble == std::string_view::npos) return std::nullopt;
    const size_t place = 31 - i / 2;
    bytes[place / 2] |= static_cast<uint8_t>(place % 2 == 0 ? nibble << 4 : nibble);
  }
  return IpAddress::v6(bytes);
}

}  // namespace

std::optional<IpAddress> reverse_address(std::string_view name) {
  constexpr std::string_view kFour = ".in-addr.arpa";
  constexpr std::string_view kSix = ".ip6.arpa";
  if (name.ends_with(kFour)) return reverse_v4(name.substr(0, name.size() - kFour.size()));
  if (name.ends_with(kSix)) return reverse_v6(name.substr(0, name.size() - kSix.size()));
  return std::nullopt;
}

}  // namespace caisson::gate
