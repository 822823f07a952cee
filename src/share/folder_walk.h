// SPDX-License-Identifier: Apache-2.0

// A walk over all that is in the shared folder: which names are masked, and how many that are not each file has.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "share/masks.h"
#include "share/node.h"

namespace caisson::share {

struct Walked {
  // Nothing was left out, but what the user may not look at either: another user's folder that is closed to this one.
  bool complete = true;
  // A folder went away meanwhile: it may have been moved to where the walk had been already. Another walk may tell.
  bool disturbed = false;
  std::string obstacle;  // what was left out first, and why
  // The files with more than one name that is not masked, with the number of these.
  std::unordered_map<FileId, uint32_t, FileIdHash> names;
};

// Calls `masked` for each masked name that is not a folder's, with the open folder that it is in. `root` is borrowed.
Walked walk_over(const Masks& masks, int root, const std::function<void(int folder, const std::string& name)>& masked);

}  // namespace caisson::share
