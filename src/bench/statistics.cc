// SPDX-License-Identifier: Apache-2.0

#include "bench/statistics.h"

#include <algorithm>
#include <cmath>

namespace caisson::bench {

Summary summarise(std::vector<double> values) {
  Summary summary{.count = values.size()};
  if (values.empty()) return summary;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  summary.median = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  const auto rank = static_cast<size_t>(std::ceil(0.95 * static_cast<double>(values.size())));
  summary.p95 = values[rank - 1];
  summary.minimum = values.front();
  summary.maximum = values.back();
  return summary;
}

}  // namespace caisson::bench
