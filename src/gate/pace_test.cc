// SPDX-License-Identifier: Apache-2.0

#include "gate/pace.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace caisson::gate {
namespace {

using namespace std::chrono_literals;

struct Pacing : testing::Test {
  using LanePtr = std::unique_ptr<Pace::Lane>;

  LanePtr lane() {
    return std::make_unique<Pace::Lane>([this] { ++passed; });
  }
  LanePtr waiting(size_t bytes) {
    LanePtr made = lane();
    pace.wait(*made, bytes);
    return made;
  }
  // As the clock of whoever waits would: it wakes when something can pass, up to `end`.
  void run(std::chrono::nanoseconds end) {
    while (pace.anyone_waits() && time + pace.until_next() <= end) advance(pace.until_next());
    advance(end - time);
  }
  void advance(std::chrono::nanoseconds by) {
    time += by;
    pace.advance(now());
  }
  Pace::Clock::time_point now() const { return begin + time; }

  const Pace::Clock::time_point begin = Pace::Clock::time_point() + 1000s;
  std::chrono::nanoseconds time{0};
  int passed = 0;
  Pace pace{100'000, begin};
};

TEST_F(Pacing, NoMorePassesThanTheRateAllows) {
  // What may pass at once.
  EXPECT_TRUE(pace.pass(10'000, now()));
  EXPECT_FALSE(pace.pass(1, now()));
  const LanePtr one = lane();
  for (int i = 0; i < 1000; ++i) pace.wait(*one, 1000);
  run(5s);
  EXPECT_GE(one->passed(), 495U);
  EXPECT_LE(one->passed(), 500U);
  run(20s);
  EXPECT_EQ(one->passed(), 1000U);
  EXPECT_FALSE(pace.anyone_waits());
  // A pause is no credit for more than that.
  EXPECT_TRUE(pace.pass(10'000, now()));
  EXPECT_FALSE(pace.pass(1, now()));
}

TEST_F(Pacing, OneWithLittleToSayWaitsForATurnOfEachOther) {
  std::vector<LanePtr> others;
  for (int i = 0; i < 50; ++i) others.push_back(waiting(64 << 10));
  const LanePtr one = waiting(100);
  // 50 turns, and not 50 times 64 KiB.
  run(std::chrono::nanoseconds(1s) * (50 * Pace::kTurnBytes + 100) / 100'000);
  EXPECT_EQ(one->passed(), 1U);
  EXPECT_EQ(passed, 1);
}

TEST_F(Pacing, ManyAmountsOfOneAreNoMoreTurns) {
  const LanePtr greedy = lane();
  for (int i = 0; i < 100; ++i) pace.wait(*greedy, Pace::kTurnBytes);
  const LanePtr other = waiting(10 * Pace::kTurnBytes);
  while (other->passed() == 0) advance(pace.until_next());
  EXPECT_GE(greedy->passed(), 9U);
  EXPECT_LE(greedy->passed(), 11U);
}

TEST_F(Pacing, WhoLeavesTakesNoTime) {
  ASSERT_TRUE(pace.pass(10'000, now()));
  const LanePtr gone = waiting(10'000'000);
  const LanePtr one = waiting(50'000);
  pace.leave(*gone);
  run(501ms);
  EXPECT_EQ(one->passed(), 1U);
  EXPECT_FALSE(pace.anyone_waits());
}

TEST_F(Pacing, WhatPassesFirstIsPaidByTheOthers) {
  ASSERT_TRUE(pace.pass(10'000, now()));
  const LanePtr one = waiting(1000);
  pace.pass_first(50'000, now());
  run(500ms);
  EXPECT_EQ(one->passed(), 0U);
  run(520ms);
  EXPECT_EQ(one->passed(), 1U);
  // By no more than a second.
  pace.wait(*one, 1000);
  for (int i = 0; i < 100; ++i) pace.pass_first(50'000, now());
  run(520ms + 1020ms);
  EXPECT_EQ(one->passed(), 2U);
}

TEST(Pace, IsMovedByRatesOfAllSizes) {
  for (const uint64_t rate : {uint64_t{1}, uint64_t{100}, uint64_t{1} << 62}) {
    const Pace::Clock::time_point begin;
    Pace pace(rate, begin);
    Pace::Lane lane([] {});
    EXPECT_TRUE(pace.pass(Pace::kTurnBytes, begin)) << rate;
    pace.wait(lane, 60);
    pace.advance(begin + 60s);
    EXPECT_EQ(lane.passed(), 1U) << rate;
  }
}

}  // namespace
}  // namespace caisson::gate
