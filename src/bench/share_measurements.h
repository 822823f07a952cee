// SPDX-License-Identifier: Apache-2.0

// What a shared folder costs next to the same work in the folder itself, in turn, without a virtual machine.
#pragma once

#include <vector>

#include "bench/results.h"
#include "bench/runner.h"
#include "bench/targets.h"

namespace caisson::bench {

struct ShareSettings {
  int rounds = 5;
  std::vector<int> status_files = {10'000, 50'000};
  int walk_files = 1'000'000;
  int64_t file_bytes = 512 << 20;
};

// Needs root, and makes its files below the folder for temporary files.
Results measure_share(const Runner& runner, const ShareSettings& settings);

std::vector<Target> share_targets();

}  // namespace caisson::bench
