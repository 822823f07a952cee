// SPDX-License-Identifier: Apache-2.0

// `policy learn`: from what a sandbox used to rules that allow it and little more, for a person to look at.
#pragma once

#include <set>
#include <vector>

#include "gate/rule.h"
#include "gate/used.h"

namespace caisson::gate {

// So many names below one make a star.
inline constexpr size_t kNamesForStar = 4;

enum class Merge : uint8_t { kNo, kYes };

// Exact names and ports, in the order of their texts. Merged: a host that was used at several ports gets one rule
// without a port, and `*.x` stands for names with the same ports where at least kNamesForStar of them are one label
// below x, and x is not a domain under which anybody registers names (one label, or of the form co.uk) and not the
// gate's own.
std::vector<Rule> smallest_rules(const std::set<Used>& used, Merge merge);

}  // namespace caisson::gate
