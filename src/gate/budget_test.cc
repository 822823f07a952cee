// SPDX-License-Identifier: Apache-2.0

#include "gate/budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "link/link_for_test.h"

namespace caisson::gate {
namespace {

using link::Task;
using Side = Toll::Side;

TEST(Toll, SpendsWhatPassesOnTheSideWithMore) {
  link::Loop loop;
  Budget budget(loop.executor(), 0, 0);
  Spender spender(budget, nullptr);
  Toll toll(spender);
  loop.run({[&]() -> Task {
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
  Spender spender(budget, nullptr);
  Toll toll(spender);
  loop.run({[&]() -> Task {
    co_await toll.pass(Side::kGuest, 10);
    const std::string error = co_await link::error_of([&]() -> Task { co_await toll.pass(Side::kServer, 60); });
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

// A rate at which what waits does not pass while this runs.
struct SlowBudget : testing::Test {
  SlowBudget() {
    budget.on_limit([this](const std::string& words) { limits.insert(words); });
  }
  Task spend(Spender& spender) {
    error = co_await link::error_of([&]() -> Task { co_await spender.spend(1 << 20); });
  }

  link::Loop loop;
  Budget budget{loop.executor(), 100, 0};
  std::set<std::string> limits;
  std::string error;
};

TEST_F(SlowBudget, WhatWaitsIsSaidAndEndsWithItsConnection) {
  Spender spender(budget, nullptr);
  loop.run({[&]() -> Task { co_await spend(spender); },
            [&]() -> Task {
              while (limits.empty()) co_await asio::post(loop.executor(), asio::use_awaitable);
              spender.end();
            }});
  EXPECT_EQ(error, "the connection ended while it waited for the rate of the network");
  EXPECT_THAT(limits,
              testing::ElementsAre("the network limit of 100 B a second was reached, and connections waited for "
                                   "it (--net-rate)"));
  // What comes behind it does not wait either.
  error.clear();
  loop.run({[&]() -> Task { co_await spend(spender); }});
  EXPECT_NE(error, "");
}

TEST_F(SlowBudget, WhatWaitsEndsWithTheStreamThatTheGuestResets) {
  link::SessionPair link{loop};
  loop.run({[&]() -> Task {
              const link::StreamPtr stream = co_await link.a.session.accept();
              const SpenderPtr spender = Spender::of(*stream, budget, nullptr);
              co_await spend(*spender);
            },
            [&]() -> Task {
              const link::StreamPtr stream = co_await link.b.session.open();
              while (limits.empty()) co_await asio::post(loop.executor(), asio::use_awaitable);
              stream->reset();
            }});
  EXPECT_NE(error, "");
}

TEST_F(SlowBudget, NamesDoNotWait) {
  for (int i = 0; i < 100; ++i) budget.spend_first(1000);
  EXPECT_EQ(budget.spent(), 100'000U);
  EXPECT_TRUE(limits.empty());
}

TEST(Budget, WhatWaitedPasses) {
  link::Loop loop;
  Budget budget(loop.executor(), 1 << 20, 0);
  int passed = 0;
  auto spend = [&]() -> Task {
    const auto spender = std::make_shared<Spender>(budget, nullptr);
    for (int i = 0; i < 4; ++i) co_await spender->spend(16 << 10);
    ++passed;
  };
  const auto begin = std::chrono::steady_clock::now();
  loop.run({spend, spend, spend});
  EXPECT_EQ(passed, 3);
  // 192 KiB, of which a tenth of a second's may pass at once.
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(80));
}

TEST(Budget, TheTotalHoldsOverWhatWasSpentBefore) {
  link::Loop loop;
  Budget budget(loop.executor(), 0, 100, 60);
  EXPECT_EQ(budget.spent(), 60U);
  budget.spend_first(40);
  EXPECT_TRUE(budget.used_up());
  EXPECT_THROW(budget.spend_first(1), base::Error);
  Budget used(loop.executor(), 0, 100, 1000);
  EXPECT_TRUE(used.used_up());
  EXPECT_THROW(used.spend_first(1), base::Error);
  EXPECT_EQ(used.spent(), 100U);
  Budget unlimited(loop.executor(), 0, 0, 60);
  unlimited.spend_first(40);
  EXPECT_EQ(unlimited.spent(), 100U);
}

// Whoever is killed has told enough, and not much more.
TEST(Budget, WhatIsSpentWasTold) {
  link::Loop loop;
  constexpr uint64_t kTotal = 3200;
  Budget budget(loop.executor(), 0, kTotal, 7);
  uint64_t told = 7;
  int times = 0;
  budget.on_reserve([&](uint64_t bytes) {
    EXPECT_GT(bytes, told);
    told = bytes;
    ++times;
  });
  for (int i = 0; i < 300; ++i) {
    budget.spend_first(10);
    EXPECT_LE(budget.spent(), told);
    EXPECT_LE(told, budget.spent() + kTotal / 32);
  }
  EXPECT_LE(times, 31);
  EXPECT_THROW(budget.spend_first(1000), base::Error);
  EXPECT_EQ(told, kTotal);
  Budget unlimited(loop.executor(), 0, 0);
  unlimited.on_reserve([](uint64_t) { FAIL() << "there is no total"; });
  unlimited.spend_first(1000);
}

TEST(Budget, TheTotalIsForNamesToo) {
  link::Loop loop;
  Budget budget(loop.executor(), 0, 100);
  std::string words;
  budget.on_limit([&](const std::string& said) { words = said; });
  budget.spend_first(90);
  EXPECT_EQ(words, "");
  EXPECT_THROW(budget.spend_first(20), base::Error);
  EXPECT_EQ(words, budget.used_up_words());
}

}  // namespace
}  // namespace caisson::gate
