// SPDX-License-Identifier: Apache-2.0

// CLOCK_MONOTONIC in microseconds: comparable between processes of one machine.
#pragma once

#include <cstdint>
#include <ctime>

namespace caisson::keeper {

inline int64_t monotonic_us() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000} + now.tv_nsec / 1000;
}

}  // namespace caisson::keeper
