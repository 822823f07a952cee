// SPDX-License-Identifier: Apache-2.0

// What it takes to look at a sandbox's changes and to take them over, by the commands of a user.
#pragma once

#include <vector>

#include "bench/results.h"
#include "bench/sandboxes.h"

namespace caisson::bench {

struct ChangesSettings {
  int rounds = 3;
  std::vector<int> files = {1, 1'000, 50'000};  // new ones, of a few bytes
};

Results measure_changes(const Caisson& caisson, const ChangesSettings& settings);

}  // namespace caisson::bench
