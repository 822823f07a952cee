// SPDX-License-Identifier: Apache-2.0

// `policy learn`: the policy file that it writes.
#pragma once

#include <string>

#include "gate/gate.h"
#include "gate/smallest_rules.h"

namespace caisson::gate {

// A policy file that allows what was used and nothing else; what was refused is in its comments.
std::string learned_policy(const Uses& uses, const Refusals& refusals, Merge merge);

}  // namespace caisson::gate
