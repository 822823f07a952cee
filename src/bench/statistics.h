// SPDX-License-Identifier: Apache-2.0

// The figures that a row of measurements is summed up in. Pure.
#pragma once

#include <cstddef>
#include <vector>

namespace caisson::bench {

inline constexpr double kBytesInMb = 1e6;

struct Summary {
  double median = 0;
  double p95 = 0;
  double minimum = 0;
  double maximum = 0;
  size_t count = 0;
};

// Percentiles by the nearest-rank method; the median of an even count is the mean of the middle two. All zero when
// empty.
Summary summarise(std::vector<double> values);

}  // namespace caisson::bench
