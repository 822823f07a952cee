// SPDX-License-Identifier: Apache-2.0

// The policies that have a name (`--net NAME`).
#pragma once

#include <string_view>
#include <vector>

#include "gate/policy.h"
#include "gate/rule.h"

namespace caisson::gate {

inline constexpr std::string_view kDefaultPreset = "locked";
inline constexpr std::string_view kNoNetwork = "none";

struct Preset {
  std::string_view name;
  std::string_view summary;  // one line for help texts
  bool has_network = true;   // false: `none`, which takes no rules
  Default fallback = Default::kDeny;
  std::vector<Rule> rules = {};        // allowed
  std::vector<GroupName> groups = {};  // allowed too, once their hosts are known
};

// none, locked, balanced, ask, open; in this order.
const std::vector<Preset>& presets();

// Throws a base::Error that lists the presets.
const Preset& find_preset(std::string_view name);

}  // namespace caisson::gate
