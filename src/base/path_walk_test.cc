// SPDX-License-Identifier: Apache-2.0

#include "base/path_walk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/temp_folder_for_test.h"

namespace caisson::base {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

class PathWalk : public ::testing::Test {
 protected:
  // Below the test's folder, as "PLACE REST".
  std::vector<std::string> steps(const std::string& path) const {
    std::vector<std::string> found;
    for (const PathStep& step : walk_to(root_ + path)) {
      if (step.place.starts_with(root_ + "/")) found.push_back(step.place.substr(root_.size()) + " " + step.rest);
    }
    return found;
  }

  TempFolder folder_;
  std::string root_ = fs::canonical(folder_.path()).string();
};

TEST_F(PathWalk, GoesByEachFolder) {
  EXPECT_THAT(steps("/a/b/c"), ElementsAre("/a /b/c", "/a/b /c", "/a/b/c "));
  EXPECT_THAT(steps("//a/./b/../c/"), ElementsAre("/a /./b/../c/", "/a/b /../c/", "/a/c /"));
}

TEST_F(PathWalk, GoesByEachLinkAndWhereItLeads) {
  fs::create_directories(root_ + "/a/b");
  fs::create_directory_symlink(root_ + "/second", root_ + "/first");
  fs::create_directory_symlink("a/b", root_ + "/second");
  EXPECT_THAT(steps("/first/x"), ElementsAre("/first /x", "/second /x", "/a /b/x", "/a/b /x", "/a/b/x "));
}

TEST_F(PathWalk, ARoundOfLinksEnds) {
  fs::create_symlink("two", root_ + "/one");
  fs::create_symlink("one", root_ + "/two");
  EXPECT_LE(steps("/one").size(), 41U);
}

}  // namespace
}  // namespace caisson::base
