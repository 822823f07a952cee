// SPDX-License-Identifier: Apache-2.0

#include "guest/users.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace caisson::guest {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kPasswd =
    "root:x:0:0:root:/root:/bin/bash\n"
    "broken line\n"
    "bad:x:minus:1::/:/bin/sh\n"
    "agent:x:1000:1000:,,,:/home/agent:/bin/bash\n"
    "service:x:101:65534::relative:\n";
constexpr const char* kGroup =
    "root:x:0:\n"
    "docker:x:998:other,agent\n"
    "agent:x:1000:agent\n"
    "agents:x:1001:agents,xagent\n"
    "sudo:x:27:agent\n";

TEST(Users, NobodyNamedIsAgentElseRoot) {
  const User agent = find_user("", kPasswd, kGroup);
  EXPECT_EQ(agent.name, "agent");
  EXPECT_EQ(agent.uid, 1000U);
  EXPECT_EQ(agent.home, "/home/agent");
  EXPECT_EQ(agent.shell, "/bin/bash");
  EXPECT_THAT(agent.groups, ElementsAre(1000, 998, 27));
  EXPECT_EQ(find_user("", "root:x:0:0::/root:/bin/sh\n", "").name, "root");
}

TEST(Users, NumbersNeedNoEntryButUseIt) {
  EXPECT_EQ(find_user("1000", kPasswd, kGroup).name, "agent");
  const User stranger = find_user("4242", kPasswd, kGroup);
  EXPECT_EQ(stranger.uid, 4242U);
  EXPECT_EQ(stranger.gid, 0U);
  EXPECT_EQ(stranger.home, "/");
  EXPECT_THAT(stranger.groups, ElementsAre(0));
}

TEST(Users, AGroupNamedIsTheOnlyOne) {
  const User user = find_user("agent:docker", kPasswd, kGroup);
  EXPECT_EQ(user.gid, 998U);
  EXPECT_THAT(user.groups, ElementsAre(998));
  EXPECT_EQ(find_user("5:77", kPasswd, kGroup).gid, 77U);
}

TEST(Users, RootExistsWithoutFiles) {
  const User root = find_user("root", "", "");
  EXPECT_EQ(root.uid, 0U);
  EXPECT_EQ(root.home, "/root");
  EXPECT_EQ(find_user("", "", "").uid, 0U);
}

TEST(Users, OddFieldsFallBack) {
  const User user = find_user("service", kPasswd, kGroup);
  EXPECT_EQ(user.home, "/");
  EXPECT_EQ(user.shell, "/bin/sh");
}

TEST(Users, WhatDoesNotExistIsNamed) {
  const auto message = [](std::string_view wish) {
    try {
      find_user(wish, kPasswd, kGroup);
    } catch (const base::Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(message("nobody"), HasSubstr("the user 'nobody' does not exist"));
  EXPECT_THAT(message("bad"), HasSubstr("'bad'"));
  EXPECT_THAT(message("agent:wheel"), HasSubstr("the group 'wheel' does not exist"));
  EXPECT_THAT(message("-1"), HasSubstr("'-1'"));
  EXPECT_THAT(message("99999999999"), HasSubstr("does not exist"));
}

}  // namespace
}  // namespace caisson::guest
