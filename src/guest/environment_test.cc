// SPDX-License-Identifier: Apache-2.0

#include "guest/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caisson::guest {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;
using testing::StartsWith;

TEST(Environment, TheLastValueWinsAtTheFirstPlace) {
  EXPECT_THAT(merge_environment({{"A=1", "B=2"}, {"B=", "C=x=y"}, {"A=3", "B"}}), ElementsAre("A=3", "C=x=y"));
}

TEST(Environment, NamesAreComparedWhole) {
  EXPECT_THAT(merge_environment({{"AB=1"}, {"A=2"}}), ElementsAre("AB=1", "A=2"));
  EXPECT_EQ(environment_value({"AB=1", "A=2", "E="}, "A"), "2");
  EXPECT_EQ(environment_value({"AB=1", "E="}, "E"), "");
  EXPECT_EQ(environment_value({"AB=1"}, "A"), "");
}

TEST(Environment, TermOnlyWithATerminal) {
  User user;
  user.name = "agent";
  user.home = "/home/agent";
  EXPECT_THAT(base_environment(user, true), Contains("TERM=xterm"));
  EXPECT_THAT(base_environment(user, false), Not(Contains(StartsWith("TERM="))));
  EXPECT_THAT(base_environment(user, false), Contains("HOME=/home/agent"));
}

TEST(Environment, CandidatesFollowPath) {
  EXPECT_THAT(program_candidates("ls", "/bin::/usr/bin"), ElementsAre("/bin/ls", "./ls", "/usr/bin/ls"));
  EXPECT_THAT(program_candidates("./ls", "/bin"), ElementsAre("./ls"));
}

}  // namespace
}  // namespace caisson::guest
