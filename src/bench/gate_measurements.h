// SPDX-License-Identifier: Apache-2.0

// What the gate adds to a connection, and how much passes through it, next to the same without it in the same round.
#pragma once

#include <vector>

#include "bench/measurements.h"
#include "bench/results.h"
#include "bench/targets.h"

namespace caisson::bench {

struct GateSettings {
  int rounds = 20;
  int connections = 100;        // of each way in each round, where they are timed one by one
  uint64_t bytes = 64'000'000;  // of each way in each round
};

// On the host's side: no virtual machine. Forks; to be called before there are threads.
Results measure_gate(const GateSettings& settings);
// From inside of a sandbox, with all that is between a program there and a server here.
Section measure_gate_from_inside(const Bench& bench);
// The same section where there is no sandbox to measure in.
Section gate_from_inside_failed(const std::string& why);

std::vector<Target> gate_targets();

}  // namespace caisson::bench
