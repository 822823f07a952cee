// SPDX-License-Identifier: Apache-2.0

// Whoever runs `npm install` for the first time is told of one host after the other, where one word allows all.
#pragma once

#include <string>
#include <vector>

#include "gate/rule.h"

namespace caisson::cli {

// A line for the user where one of these rules, which would allow what was refused, is for a host of a package
// registry; else "".
std::string registry_hint(const std::vector<std::string>& refused, const std::vector<gate::Rule>& registries);

// With this machine's registries, which are looked for only where something was refused: npm may have to be asked.
std::string registry_hint(const std::vector<std::string>& refused);

}  // namespace caisson::cli
