// SPDX-License-Identifier: Apache-2.0

#include "gate/budget.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "link/link_for_test.h"

namespace caisson::gate {
namespace {

using Side = Toll::Side;

TEST(Toll, SpendsWhatPassesOnTheSideWithMore) {
  link::Loop loop;
  Budget budget(loop.executor(), 0, 0);
  Toll toll(budget);
  loop.run({[&]() -> link::Task {
    co_await toll.pass(Side::kGuest, 10);
    EXPECT_EQ(budget.spent(), 10U);
    co_await toll.pass(Side::kServer, 4);
    EXPECT_EQ(budget.spent(), 10U);
    co_await toll.pass(Side::kServer, 96);
    EXPECT_EQ(budget.spent(), 100U);
    co_await toll.pass(Side::kGuest, 90);
    EXPECT_EQ(budget.spent(), 100U);
    co_await toll.pass(Side::kGuest, 1);
    EXPECT_EQ(budget.spent(), 101U);
  }});
}

TEST(Toll, EndsWhereTheTotalIsUsedUpOnEitherSide) {
  link::Loop loop;
  Budget budget(loop.executor(), 0, 50);
  Toll toll(budget);
  loop.run({[&]() -> link::Task {
    co_await toll.pass(Side::kGuest, 10);
    const std::string error = co_await link::error_of([&]() -> link::Task { co_await toll.pass(Side::kServer, 60); });
    EXPECT_NE(error.find("is used up (--net-total)"), std::string::npos) << error;
  }});
  EXPECT_TRUE(budget.used_up());
}

TEST(Budget, SpendsAtOnceOnlyWithoutLimits) {
  link::Loop loop;
  Budget unlimited(loop.executor(), 0, 0);
  EXPECT_TRUE(unlimited.spend_at_once(7));
  EXPECT_EQ(unlimited.spent(), 7U);
  for (const auto& [rate, total] : {std::pair{1, 0}, std::pair{0, 100}}) {
    Budget limited(loop.executor(), rate, total);
    EXPECT_FALSE(limited.spend_at_once(7));
    EXPECT_EQ(limited.spent(), 0U);
  }
}

}  // namespace
}  // namespace caisson::gate
