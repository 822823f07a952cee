// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/group_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caisson::engine::microvm {
namespace {

constexpr const char* kState = "/state/caisson";

// The digits are computed in the same way by tests/e2e/leftovers.py, which finds a case's groups by them.
TEST(GroupName, TellsWhatItIsAndWhose) {
  EXPECT_THAT(new_group_name("web", kState), testing::MatchesRegex("web-e508bcda-[0-9a-f]{8}"));
}

TEST(GroupName, IsAnotherOneForEachMachineAndStateFolder) {
  EXPECT_NE(new_group_name("web", kState), new_group_name("web", kState));
  EXPECT_THAT(new_group_name("web", "/elsewhere"), testing::Not(testing::HasSubstr("e508bcda")));
}

}  // namespace
}  // namespace caisson::engine::microvm
