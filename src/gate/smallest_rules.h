// SPDX-License-Identifier: Apache-2.0

// `policy learn`: from what a sandbox used to rules that allow it and little more, for a person to look at.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "gate/address.h"
#include "gate/rule.h"

namespace caisson::gate {

// One connection that was made.
struct Used {
  Protocol protocol = Protocol::kTcp;
  std::variant<std::string, IpAddress> host;  // a name in normal form, or an address
  uint16_t port = 0;

  auto operator<=>(const Used&) const = default;
};

// So many names below one make a star.
inline constexpr size_t kNamesForStar = 4;

// Exact names and ports. A host that was used at several ports gets one rule without a port. `*.x` stands for names
// with the same ports where at least kNamesForStar of them are one label below x, and x is not a domain under which
// anybody registers names (one label, or of the form co.uk) and not the gate's own. In the order of their texts; none
// twice.
std::vector<Rule> smallest_rules(const std::vector<Used>& used);

}  // namespace caisson::gate
