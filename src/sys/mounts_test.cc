// SPDX-License-Identifier: Apache-2.0

#include "sys/mounts.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"

namespace caisson::sys {
namespace {

using Kind = RootPlan::Entry::Kind;

class RootPlanTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/roottest-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    std::filesystem::create_directories(folder_ + "/usr/lib/deep");
    base::write_file_atomic(folder_ + "/usr/file", "x");
    ASSERT_EQ(::symlink("usr/lib", (folder_ + "/lib").c_str()), 0);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::vector<std::string> lines(const RootPlan& plan) {
    std::vector<std::string> result;
    const std::string below = folder_.substr(1) + "/";
    for (const RootPlan::Entry& entry : plan.entries()) {
      if (!entry.path.starts_with(below)) continue;
      const char* kinds[] = {"folder ", "link ", "file ", "bind ", "copy "};
      result.push_back(kinds[static_cast<int>(entry.kind)] + entry.path.substr(below.size()));
    }
    return result;
  }

  std::string folder_;
};

TEST_F(RootPlanTest, ParentsFirstThenTheThing) {
  EXPECT_EQ(lines(RootPlan({folder_ + "/usr/lib", folder_ + "/usr/file"})),
            (std::vector<std::string>{"folder usr", "bind usr/lib", "file usr/file"}));
}

TEST_F(RootPlanTest, ALinkIsMadeAndWhatItPointsToIsThere) {
  EXPECT_EQ(lines(RootPlan({folder_ + "/lib"})), (std::vector<std::string>{"link lib", "folder usr", "bind usr/lib"}));
}

TEST_F(RootPlanTest, WhatIsInABoundFolderNeedsNothing) {
  EXPECT_EQ(lines(RootPlan({folder_ + "/usr/lib", folder_ + "/lib/deep"})),
            (std::vector<std::string>{"folder usr", "bind usr/lib", "link lib"}));
}

TEST_F(RootPlanTest, WhatDoesNotExistIsLeftOut) {
  EXPECT_TRUE(RootPlan({folder_ + "/nothing"}).entries().empty());
}

TEST_F(RootPlanTest, RelativeAndClimbingPathsAreRefused) {
  EXPECT_THROW(RootPlan({"usr"}), base::Error);
  EXPECT_THROW(RootPlan({folder_ + "/usr/../usr"}), base::Error);
  EXPECT_THROW(RootPlan({""}), base::Error);
}

TEST_F(RootPlanTest, ACopyMakesItsFoldersAndRoom) {
  const base::Fd file = base::open_file(folder_ + "/usr/file", O_RDONLY);
  RootPlan plan({});
  plan.add_copy("/proc/self/fd/7", file.get());
  ASSERT_EQ(plan.entries().size(), 4u);
  EXPECT_EQ(plan.entries()[3].kind, Kind::kCopy);
  EXPECT_EQ(plan.entries()[3].path, "proc/self/fd/7");
  EXPECT_EQ(plan.tmpfs_options(), "mode=0755,nr_inodes=256,size=128k");
}

}  // namespace
}  // namespace caisson::sys
