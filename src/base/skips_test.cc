// SPDX-License-Identifier: Apache-2.0

// What skips_for_test.cc does, by this program as its own child.

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/process.h"
#include "base/temp_folder_for_test.h"

namespace caisson::base {
namespace {

constexpr const char* kReason = "CAISSON_TEST_SKIPS_FOR";

// Only the child has a reason.
TEST(Skips, ForTheReasonThatItIsGiven) {
  if (const char* reason = std::getenv(kReason)) GTEST_SKIP() << reason;
}

int code_of_skip(const char* reason) {
  const ScopedEnvironment given(kReason, reason);
  return run_program({.argv = {"/proc/self/exe", "--gtest_filter=Skips.ForTheReasonThatItIsGiven"}}).status.code;
}

TEST(Skips, AreFailuresInTheContinuousIntegration) {
  {
    const ScopedEnvironment elsewhere("CI", nullptr);
    EXPECT_EQ(code_of_skip("something is not there"), 0);
  }
  const ScopedEnvironment ci("CI", "true");
  EXPECT_EQ(code_of_skip("something is not there"), 1);
  EXPECT_EQ(code_of_skip("there is only one file system that this user can write to"), 0);
}

}  // namespace
}  // namespace caisson::base
