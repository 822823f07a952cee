// SPDX-License-Identifier: Apache-2.0

#include "clones/source.h"

#include "base/error.h"
#include "clones/repository_for_test.h"

namespace caisson::clones {
namespace {

namespace fs = std::filesystem;

class Sources : public Cloning {
 protected:
  std::string refusal(const std::string& folder) {
    try {
      look_at_source(fs::canonical(folder).string(), folder_.path());
    } catch (const base::Error& error) {
      return error.what();
    }
    return {};
  }
  std::string branch_refusal(const std::string& name) {
    try {
      check_branch_is_free(source(), name);
    } catch (const base::Error& error) {
      return error.what();
    }
    return {};
  }
  Source source() const { return look_at_source(fs::canonical(host_.folder).string(), folder_.path()); }
  static bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
};

TEST_F(Sources, WhatCannotBeClonedIsRefusedWithTheRemedy) {
  fs::create_directories(folder_ / "plain");
  EXPECT_TRUE(says(refusal(folder_ / "plain"), "it is no git repository")) << refusal(folder_ / "plain");
  EXPECT_TRUE(says(refusal(folder_ / "plain"), "git init"));
  host_({"init", "--quiet", "--bare", folder_ / "bare"});
  EXPECT_TRUE(says(refusal(folder_ / "bare"), "a bare repository")) << refusal(folder_ / "bare");
  EXPECT_TRUE(says(refusal(folder_ / "bare"), "git worktree add"));
  host_.write("sub/file", "x");
  EXPECT_TRUE(says(refusal(host_.folder + "/sub"), "it is a folder in the repository"));
  EXPECT_FALSE(refusal(host_.folder + "/.git").empty());
}

TEST_F(Sources, WhatIsNotCommittedIsCounted) {
  host_.write("a", "1");
  EXPECT_EQ(uncommitted_files(source()), 1U);
  host_.write(".gitignore", "ignored\n");
  host_.commit("one");
  const auto count = [&] { return uncommitted_files(source()); };
  EXPECT_EQ(count(), 0U);
  host_.write("a", "another length");
  host_.write("b", "new");
  host_.write("ignored", "x");
  EXPECT_EQ(count(), 2U);
  host_({"add", "--all"});
  EXPECT_EQ(count(), 2U);
}

TEST_F(Sources, ABranchThatIsInTheWayIsSaidBeforehand) {
  host_.commit("one");
  EXPECT_EQ(branch_refusal("web"), "");
  EXPECT_TRUE(says(branch_refusal("a..b"), "no name of a branch")) << branch_refusal("a..b");
  EXPECT_TRUE(says(branch_refusal("a.lock"), "--name"));
  // One that HEAD has all commits of is no more than a bookmark.
  host_({"branch", "caisson/web"});
  host_.commit("two");
  EXPECT_EQ(branch_refusal("web"), "");
  host_({"checkout", "--quiet", "-b", "other", "HEAD~1"});
  host_({"branch", "--force", "caisson/web", "main"});
  EXPECT_TRUE(says(branch_refusal("web"), "git branch -D caisson/web")) << branch_refusal("web");
  host_({"branch", "-D", "caisson/web"});
  host_({"branch", "caisson"});
  EXPECT_TRUE(says(branch_refusal("web"), "git branch -m caisson")) << branch_refusal("web");
}

TEST_F(Sources, NothingOfTheRepositoryIsRun) {
  host_.write("a", "1");
  host_.commit("one");
  const std::string mark = folder_ / "ran";
  host_.write("run", "#!/bin/sh\ntouch '" + mark + "'\n");
  fs::permissions(host_.folder + "/run", fs::perms::owner_all);
  host_({"config", "core.fsmonitor", host_.folder + "/run"});
  host_({"config", "core.alternateRefsCommand", host_.folder + "/run"});
  fs::create_directories(host_.folder + "/.git/hooks");
  for (const char* hook : {"post-checkout", "post-index-change", "reference-transaction"})
    fs::copy(host_.folder + "/run", host_.folder + "/.git/hooks/" + hook);
  const Source source = this->source();
  uncommitted_files(source);
  check_branch_is_free(source, "web");
  clone();
  EXPECT_FALSE(fs::exists(mark));
}

}  // namespace
}  // namespace caisson::clones
