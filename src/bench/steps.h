// SPDX-License-Identifier: Apache-2.0

// The stages of a sandbox's start, which are points in time, made into the steps between them. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace caisson::bench {

struct Step {
  std::string key;   // the stage that ends it: "hello"
  std::string name;  // for people
  double milliseconds = 0;
};

// From `began_us`, the CLI's start, on the clock of the stages; in the order of time, stages that are not known here
// included. A stage that every start has and that is missing is an Error, and so is one before `began_us` (it is of
// another clock).
std::vector<Step> steps_of(int64_t began_us, const std::map<std::string, int64_t>& stages_us);

}  // namespace caisson::bench
