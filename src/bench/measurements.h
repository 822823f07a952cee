// SPDX-License-Identifier: Apache-2.0

// What is measured, and how. What is compared is run in turn, A B A B …: machines are noisy, and a ratio of times that
// were taken apart says little. Each function returns whole sections; a run that fails is in its row, with the reason.
#pragma once

#include <chrono>
#include <string>

#include "bench/docker.h"
#include "bench/machine.h"
#include "bench/results.h"
#include "bench/sandboxes.h"

namespace caisson::bench {

struct Settings {
  int runs = 20;          // of what takes less than a second
  int few_runs = 5;       // of the rest
  int sandboxes = 10;     // at once, and alive
  int idle_seconds = 10;  // before memory is measured
};

// `docker` may be null: the rows of the comparison then say `no_docker`.
struct Bench {
  const Caisson& caisson;
  const Docker* docker;
  std::string no_docker;
  Settings settings;
};

// Makes image and template where they are missing, and tells about the sandbox in which everything is measured.
Facts prepare(const Caisson& caisson, std::string& accelerator);

Section measure_run(const Bench& bench);
Section measure_cold_run(const Bench& bench);
Section measure_steps(const Bench& bench);
Section measure_exec_and_stop(const Bench& bench);
Section measure_at_once(const Bench& bench);
Section measure_memory(const Bench& bench);

}  // namespace caisson::bench
