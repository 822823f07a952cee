// SPDX-License-Identifier: Apache-2.0

#include "keeper/weaker_wall.h"

namespace caisson::keeper {

std::string weaker_wall(const std::vector<engine::WallPart>& wall) {
  for (const engine::WallPart& part : wall) {
    if (part.stands || (!part.name.ends_with(" namespace") && part.name != "user id")) continue;
    return "the wall around this sandbox's machine is weaker here, it has no " + part.name +
           " of its own: " + part.detail + " (`caisson doctor` says how to get it)";
  }
  return {};
}

}  // namespace caisson::keeper
