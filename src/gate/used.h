// SPDX-License-Identifier: Apache-2.0

// Which targets a sandbox connected to: what `policy learn` makes its rules of.
#pragma once

#include <compare>
#include <cstdint>
#include <set>
#include <string>
#include <variant>

#include "base/json_reader.h"
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

// The rule for it and nothing else.
Rule rule_for(const Used& used);

// Each once, in order, and the first kMostTargets only: a guest can make any number of them up.
struct Uses {
  static constexpr size_t kMostTargets = 4096;

  std::set<Used> targets;
  bool all = true;  // false: there were more

  void add(Used used);
};

// {"targets": ["example.com:443", …], "all": bool}. Reading is strict and throws a base::Error.
base::Json to_json(const Uses& uses);
Uses uses_from_json(const base::Json& json);

}  // namespace caisson::gate
