// SPDX-License-Identifier: Apache-2.0

// The targets of docs/design.md section 10, and whether they are met. Pure.
#pragma once

#include <string>
#include <vector>

#include "bench/results.h"

namespace caisson::bench {

enum class Bound { kAtMost, kAtLeast };

struct Target {
  std::string key;   // of the row whose median it limits
  std::string text;  // for people
  double limit = 0;  // in the row's unit
  Bound bound = Bound::kAtMost;
};

// They differ by accelerator ("kvm", else software).
std::vector<Target> targets_for(const std::string& accelerator);

struct Verdict {
  Target target;
  std::string unit;
  std::string measured;  // "212.3 ms", or "failed"
  std::string verdict;   // "met", "missed by 12.3 ms (4 %)", or why there is none
  bool met = false;
};

std::vector<Verdict> judge(const std::vector<Target>& targets, const Results& results);

}  // namespace caisson::bench
