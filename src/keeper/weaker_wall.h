// SPDX-License-Identifier: Apache-2.0

// What to say to a user whose sandbox has less around it than it could have.
#pragma once

#include <string>
#include <vector>

#include "engine/engine.h"

namespace caisson::keeper {

// One line for stderr; "" where all namespaces stand and the machine's process is not root. Cgroups do not count: an
// ordinary user seldom has them, and the machine's own limits hold without.
std::string weaker_wall(const std::vector<engine::WallPart>& wall);

}  // namespace caisson::keeper
