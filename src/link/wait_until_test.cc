// SPDX-License-Identifier: Apache-2.0

#include "link/wait_until.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace caisson::link {
namespace {

using Clock = std::chrono::steady_clock;

class WaitUntilTest : public testing::Test {
 protected:
  void wait(std::optional<Clock::time_point> deadline) {
    auto condition = [this] { return condition_; };
    asio::co_spawn(context_, wait_until(context_.get_executor(), changed_, condition, deadline),
                   [this](const std::exception_ptr&, bool came) { answer_ = came; });
    context_.poll();
  }

  asio::io_context context_{1};
  Event changed_{context_.get_executor()};
  bool condition_ = false;
  std::optional<bool> answer_;
};

TEST_F(WaitUntilTest, EndsAtOnceWhenItIsTrueAlready) {
  condition_ = true;
  wait({});
  EXPECT_EQ(answer_, true);
}

TEST_F(WaitUntilTest, LooksAgainWheneverItIsToldTo) {
  wait(Clock::now() + std::chrono::hours(1));
  changed_.notify_all();
  context_.poll();
  EXPECT_EQ(answer_, std::nullopt);
  condition_ = true;
  changed_.notify_all();
  context_.poll();
  EXPECT_EQ(answer_, true);
}

TEST_F(WaitUntilTest, EndsAtItsDeadline) {
  wait(Clock::now() + std::chrono::milliseconds(1));
  context_.run();
  EXPECT_EQ(answer_, false);
}

TEST_F(WaitUntilTest, ADeadlineThatIsOverLooksOnce) {
  wait(Clock::now());
  EXPECT_EQ(answer_, false);
}

}  // namespace
}  // namespace caisson::link
