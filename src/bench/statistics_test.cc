// SPDX-License-Identifier: Apache-2.0

#include "bench/statistics.h"

#include <gtest/gtest.h>

#include <numeric>

namespace caisson::bench {
namespace {

TEST(Summarise, NothingIsAllZero) {
  const Summary summary = summarise({});
  EXPECT_EQ(summary.count, 0U);
  EXPECT_EQ(summary.median, 0);
}

TEST(Summarise, OddAndEvenMedians) {
  EXPECT_EQ(summarise({3, 1, 2}).median, 2);
  EXPECT_EQ(summarise({4, 1, 3, 2}).median, 2.5);
}

TEST(Summarise, NearestRankP95) {
  std::vector<double> values(100);
  std::iota(values.rbegin(), values.rend(), 1);  // 100 … 1, so that sorting matters
  const Summary summary = summarise(values);
  EXPECT_EQ(summary.p95, 95);
  EXPECT_EQ(summary.minimum, 1);
  EXPECT_EQ(summary.maximum, 100);
  EXPECT_EQ(summarise({7}).p95, 7);
}

}  // namespace
}  // namespace caisson::bench
