// SPDX-License-Identifier: Apache-2.0

// Timing whole commands from outside, as a user sees them: from before fork to after the exit.
#pragma once

#include <string>
#include <vector>

#include "base/process.h"
#include "bench/statistics.h"

namespace caisson::bench {

// Milliseconds from start to exit; its output is thrown away. An exit that isn't 0 is a base::Error with what it wrote.
double time_command(const std::vector<std::string>& argv);

// The same command `count` times at once: milliseconds until the last has ended.
double time_at_once(const std::vector<std::vector<std::string>>& commands);

// MemAvailable of /proc/meminfo, in MiB.
double available_memory_mib();
// The sum of the proportional set sizes of these processes, in MiB; one that is gone counts nothing.
double proportional_memory_mib(const std::vector<long>& pids);

// One line of the result: what was measured, in what unit, and the figures.
struct Row {
  std::string name;
  std::string unit;
  std::vector<double> values = {};
  std::string note = {};
};

}  // namespace caisson::bench
