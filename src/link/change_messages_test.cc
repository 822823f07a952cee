// SPDX-License-Identifier: Apache-2.0

#include "link/change_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "link/complaint_for_test.h"

namespace caisson::link {
namespace {

using base::Json;

TEST(ChangeMessages, AreReadAsTheyAreWritten) {
  const auto changes = from_json<ChangesRequest>(to_json(ChangesRequest{.id = 3, .content = true}));
  EXPECT_EQ(changes.id, 3U);
  EXPECT_TRUE(changes.content);
  const auto discard = from_json<DiscardRequest>(to_json(DiscardRequest{.id = 1, .paths = {"a/b", "\xff\n"}}));
  EXPECT_THAT(discard.paths, testing::ElementsAre("a/b", "\xff\n"));
}

TEST(ChangeMessages, WhatIsNoPathIsRefused) {
  const auto with = [](const char* path) { return Json{{"service", "discard"}, {"id", 1}, {"paths", {path}}}; };
  EXPECT_EQ(complaint<DiscardRequest>(with("61")), "");
  for (const char* digits : {"6", "6g", "4A", "", "2e2e", "2f61", "612f2e2e2f62", "6100"})
    EXPECT_THAT(complaint<DiscardRequest>(with(digits)), testing::HasSubstr("paths")) << digits;
}

TEST(ChangeMessages, AWorkspaceIsNamed) {
  EXPECT_THAT(complaint<DiscardRequest>({{"service", "discard"}, {"id", 0}, {"paths", Json::array()}}),
              testing::HasSubstr("id"));
  EXPECT_THROW(from_json<ChangesRequest>({{"service", "changes"}, {"id", 33}, {"content", true}}), base::Error);
}

}  // namespace
}  // namespace caisson::link
