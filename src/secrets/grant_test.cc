// SPDX-License-Identifier: Apache-2.0

#include "secrets/grant.h"

#include <gtest/gtest.h>

namespace caisson::secrets {
namespace {

using std::chrono::seconds;

const Grant::Clock::time_point kStart{};

std::string value_in(const Grant& grant) {
  std::string seen;
  const bool has = grant.with_value([&](std::string_view bytes) { seen = bytes; });
  return has ? seen : "none";
}

TEST(Grant, HasItsValueFromWhenItComes) {
  Grant grant({.name = "x"}, "caisson_1");
  EXPECT_EQ(grant.placeholder(), "caisson_1");
  EXPECT_EQ(value_in(grant), "none");
  EXPECT_TRUE(grant.needs_value(kStart));
  grant.replace(Value::copy_of("first value"), kStart);
  EXPECT_EQ(value_in(grant), "first value");
  EXPECT_FALSE(grant.needs_value(kStart + seconds(1000000)));
  grant.replace(Value::copy_of("second value"), kStart);
  EXPECT_EQ(value_in(grant), "second value");
}

TEST(Grant, AsksACommandAgainWhenItsValueHasItsAge) {
  Grant grant({.name = "x", .command = Command{.text = "true", .max_age = seconds(10)}}, "caisson_1");
  grant.replace(Value::copy_of("first value"), kStart);
  EXPECT_FALSE(grant.needs_value(kStart + seconds(9)));
  EXPECT_TRUE(grant.needs_value(kStart + seconds(10)));
}

TEST(Grant, IsRevokedAtOnceAndForGood) {
  Grant grant({.name = "x", .command = Command{.text = "true"}}, "caisson_1");
  grant.replace(Value::copy_of("first value"), kStart);
  grant.revoke();
  EXPECT_EQ(value_in(grant), "none");
  EXPECT_FALSE(grant.needs_value(kStart + seconds(1000000)));
  // Of a command that was running.
  grant.replace(Value::copy_of("late value"), kStart);
  EXPECT_EQ(value_in(grant), "none");
}

}  // namespace
}  // namespace caisson::secrets
