// SPDX-License-Identifier: Apache-2.0

// What becomes of the user's repository.

#include <gmock/gmock.h>

#include "base/small_disk_for_test.h"
#include "clones/references.h"
#include "clones/returning_for_test.h"
#include "clones/source.h"
#include "sys/in_child_for_test.h"

namespace caisson::clones {
namespace {

using ::testing::HasSubstr;

class Delivering : public Returning {
 protected:
  std::string refusal(Returned::Force force = Returned::Force::kNo) const {
    return error_of([&] { returned().deliver("web", force); });
  }
};

TEST_F(Delivering, CommitsComeBackOnABranch) {
  host_.write("readme", "changed meanwhile, and not committed\n");
  const std::string index = host_.read(".git/index");
  const std::string before = host_({"rev-parse", "HEAD"});
  const std::string head = work("agent\n");
  EXPECT_EQ(returned().commits(), 1U);
  EXPECT_FALSE(returned().is_delivered());
  returned().deliver("web", Returned::Force::kNo);
  EXPECT_TRUE(returned().is_delivered());
  EXPECT_EQ(host_({"rev-parse", "caisson/web"}), head);
  EXPECT_EQ(host_({"show", "caisson/web:readme"}), "agent");
  EXPECT_EQ(host_({"show", "caisson/web:.env"}), "SECRET=1");
  // Nothing else is touched.
  EXPECT_EQ(host_.read("readme"), "changed meanwhile, and not committed\n");
  EXPECT_EQ(host_.read(".git/index"), index);
  EXPECT_EQ(host_({"rev-parse", "HEAD"}), before);
  EXPECT_EQ(host_({"for-each-ref", "--format=%(refname)"}), "refs/heads/caisson/web\nrefs/heads/main");
  EXPECT_FALSE(host_.has(".git/FETCH_HEAD"));
  EXPECT_TRUE(host_.ok({"fsck", "--strict"}));
  // And again, with more.
  const std::string next = work("again\n");
  EXPECT_FALSE(returned().is_delivered());
  returned().deliver("web", Returned::Force::kNo);
  EXPECT_EQ(host_({"rev-parse", "caisson/web"}), next);
  EXPECT_EQ(returned().titles().size(), 2U);
}

TEST_F(Delivering, WhatTheUserHasPutOnTheBranchStays) {
  work("agent\n");
  returned().deliver("web", Returned::Force::kNo);
  host_({"checkout", "--quiet", "caisson/web"});
  host_.write("mine", "x");
  const std::string mine = host_.commit("mine");
  host_({"checkout", "--quiet", "main"});
  returned().deliver("web", Returned::Force::kNo);
  EXPECT_EQ(host_({"rev-parse", "caisson/web"}), mine);
  work("more\n");
  const std::string error = error_of([&] { returned().deliver("web", Returned::Force::kNo); });
  EXPECT_NE(error.find("--theirs"), std::string::npos) << error;
  EXPECT_EQ(host_({"rev-parse", "caisson/web"}), mine);
  EXPECT_EQ(returned().deliver("web", Returned::Force::kYes), mine) << "so that it can be found again";
  EXPECT_EQ(host_({"rev-parse", "caisson/web"}), returned().head());
}

TEST_F(Delivering, ABranchThatIsCheckedOutIsNotMoved) {
  const std::string first = work("agent\n");
  returned().deliver("web", Returned::Force::kNo);
  host_({"checkout", "--quiet", "--force", "caisson/web"});
  work("more\n");
  const std::string error = error_of([&] { returned().deliver("web", Returned::Force::kYes); });
  EXPECT_NE(error.find("checked out"), std::string::npos) << error;
  EXPECT_EQ(host_({"rev-parse", "HEAD"}), first);
}

TEST_F(Delivering, OfARepositoryWithoutACommit) {
  const TestGit empty{folder_ / "empty"};
  fs::create_directories(empty.folder);
  empty({"init", "--quiet", "-b", "main"});
  give(empty.folder);
  const std::string head = work("first\n");
  EXPECT_EQ(returned().commits(), 1U);
  returned().deliver("web", Returned::Force::kNo);
  EXPECT_EQ(empty({"rev-parse", "caisson/web"}), head);
  EXPECT_FALSE(empty.ok({"rev-parse", "--verify", "--quiet", "HEAD"}));
}

TEST_F(Delivering, ABranchThatIsInUseElsewhereIsNotMoved) {
  const std::string first = work("agent\n");
  returned().deliver("web", Returned::Force::kNo);
  host_({"worktree", "add", "--quiet", folder_ / "linked", "caisson/web"});
  work("more\n");
  EXPECT_THAT(refusal(Returned::Force::kYes), HasSubstr("is checked out"));
  host_({"worktree", "remove", "--force", folder_ / "linked"});
  host_.write(".git/rebase-merge/head-name", "refs/heads/caisson/web\n");
  EXPECT_THAT(refusal(Returned::Force::kYes), HasSubstr("is checked out"));
  EXPECT_EQ(host_({"rev-parse", "caisson/web"}), first);
}

TEST_F(Delivering, ASymbolicBranchMovesNoOther) {
  work("agent\n");
  const std::string main = host_({"rev-parse", "main"});
  host_({"symbolic-ref", "refs/heads/caisson/web", "refs/heads/main"});
  EXPECT_THAT(refusal(Returned::Force::kYes), HasSubstr("symbolic reference"));
  EXPECT_EQ(host_({"rev-parse", "main"}), main);
  fs::remove_all(sandbox_ + "/clones");
  EXPECT_THAT(error_of([&] { clone(); }), HasSubstr("symbolic reference"));
}

TEST_F(Delivering, LinksInItsWayLeadNowhere) {
  const std::string outside = folder_ / "outside";
  fs::create_directories(outside);
  std::ofstream(outside + "/file") << "mine\n";
  const std::string heads = host_.folder + "/.git/refs/heads";
  work("agent\n");
  fs::create_directory_symlink(outside, heads + "/caisson");
  EXPECT_THAT(refusal(), HasSubstr("is no folder, or a symbolic link"));
  fs::remove(heads + "/caisson");
  fs::rename(host_.folder + "/.git/objects/pack", folder_ / "pack");
  fs::create_directory_symlink(outside, host_.folder + "/.git/objects/pack");
  EXPECT_NE(refusal(), "");
  fs::remove(host_.folder + "/.git/objects/pack");
  fs::rename(folder_ / "pack", host_.folder + "/.git/objects/pack");
  // Of the branch, and of the log that git would write.
  fs::create_directories(heads + "/caisson");
  fs::create_symlink(outside + "/file", heads + "/caisson/web");
  fs::create_directories(host_.folder + "/.git/logs/refs/heads/caisson");
  fs::create_symlink(outside + "/file", host_.folder + "/.git/logs/refs/heads/caisson/web");
  EXPECT_EQ(refusal(), "");
  EXPECT_EQ(host_({"rev-parse", "caisson/web"}), returned().head());
  EXPECT_EQ(base::read_file(outside + "/file"), "mine\n");
  EXPECT_EQ(std::distance(fs::directory_iterator(outside), {}), 1);
}

TEST_F(Delivering, ABranchThatIsLockedOrInTheWayStays) {
  work("agent\n");
  host_.write(".git/refs/heads/caisson/web.lock", "");
  EXPECT_THAT(refusal(), HasSubstr("it is locked"));
  EXPECT_TRUE(host_.has(".git/refs/heads/caisson/web.lock"));
  fs::remove(host_.folder + "/.git/refs/heads/caisson/web.lock");
  host_({"branch", "caisson/web/x"});
  EXPECT_THAT(refusal(Returned::Force::kYes), HasSubstr("has a branch 'caisson/web/x'"));
  host_({"branch", "-D", "caisson/web/x"});
  host_({"pack-refs", "--all"});
  EXPECT_EQ(refusal(), "");
  EXPECT_EQ(host_({"rev-parse", "caisson/web"}), returned().head());
}

TEST_F(Delivering, ABranchThatMovesMeanwhileStays) {
  work("agent\n");
  const HostRepository host(returned().what().repository, folder_.path());
  const std::string main = host_({"rev-parse", "main"});
  host_({"branch", "caisson/web"});
  const BranchMove move{.name = "refs/heads/caisson/web", .old = "", .object = returned().head()};
  EXPECT_THAT(error_of([&] { move_branch(host.fd(), move); }), HasSubstr("changed meanwhile"));
  EXPECT_EQ(host_({"rev-parse", "caisson/web"}), main);
  EXPECT_FALSE(host_.has(".git/refs/heads/caisson/web.lock"));
}

// git would take the repository above for that of a submodule whose .git is gone.
TEST_F(Delivering, CommitsOfARemovedSubmoduleGoToNoOtherRepository) {
  const TestGit library{folder_ / "library"};
  fs::create_directories(library.folder);
  library({"init", "--quiet", "-b", "main"});
  library.write("code", "1");
  library.commit("library");
  host_({"submodule", "--quiet", "add", library.folder, "lib"});
  host_.commit("with a submodule");
  give();
  const TestGit sub{inside().folder + "/lib"};
  sub.write("code", "2");
  const std::string head = sub.commit("inner");
  Returned inner = returned_of(sandbox_, 1).at(1);
  inner.take(head, file_of(pack_behind(sub, head, inner.what().base)).get(), hidden());
  host_({"submodule", "--quiet", "deinit", "--force", "lib"});
  inner.deliver("web", Returned::Force::kNo);
  const TestGit module{host_.folder + "/.git/modules/lib"};
  EXPECT_EQ(base::trimmed(base::read_file(module.folder + "/refs/heads/caisson/web")), head);
  EXPECT_FALSE(host_.has(".git/refs/heads/caisson/web"));
  EXPECT_TRUE(inner.is_delivered());
  fs::rename(module.folder, folder_ / "gone");
  EXPECT_FALSE(inner.is_delivered());
  EXPECT_NE(error_of([&] { inner.deliver("web", Returned::Force::kNo); }), "");
  fs::copy(folder_ / "gone", module.folder, fs::copy_options::recursive);
  EXPECT_THAT(error_of([&] { inner.deliver("web", Returned::Force::kNo); }), HasSubstr("is another one than"));
  EXPECT_FALSE(host_.has(".git/refs/heads/caisson/web"));
}

// What the sandbox began with goes along where the user has it no more.
TEST_F(Delivering, AHistoryThatTheUserHasRemovedComesBackWhole) {
  masks_ = {};
  give();
  const std::string head = work("agent\n");
  host_({"checkout", "--quiet", "--orphan", "new"});
  host_.commit("other");
  host_({"branch", "-D", "main"});
  host_({"reflog", "expire", "--expire=now", "--all"});
  host_({"gc", "--quiet", "--prune=now"});
  ASSERT_FALSE(host_.has_object(returned().what().base));
  EXPECT_EQ(refusal(), "");
  EXPECT_EQ(host_({"rev-list", "--count", "caisson/web"}), "2");
  EXPECT_TRUE(host_.ok({"fsck", "--strict", "--connectivity-only"}));
}

// And without the hidden file, which nobody has any more, it is not whole.
TEST_F(Delivering, WhatIsNotWholeThereDoesNotArrive) {
  work("agent\n");
  host_({"checkout", "--quiet", "--orphan", "new"});
  host_({"rm", "--quiet", "--cached", ".env"});
  fs::remove(host_.folder + "/.env");
  host_.commit("other");
  host_({"branch", "-D", "main"});
  host_({"reflog", "expire", "--expire=now", "--all"});
  host_({"gc", "--quiet", "--prune=now"});
  EXPECT_NE(refusal(), "");
  EXPECT_FALSE(host_.has(".git/refs/heads/caisson/web"));
  EXPECT_TRUE(host_.ok({"fsck", "--strict"}));
}

TEST_F(Delivering, WithoutRoomNothingIsWritten) {
  const std::string small = folder_ / "small";
  fs::create_directories(small);
  // What is thrown in the child must not reach the test's own frames.
  const auto deliver = [&] {
    if (!base::mount_small(small)) return 77;
    const TestGit host{small};
    host({"init", "--quiet", "--template=", "-b", "main"});
    host.write("readme", "hello\n");
    host.commit("one");
    give(small);
    work("agent\n");
    const std::string error = refusal();
    const bool none = !host.has(".git/objects/pack") || fs::is_empty(small + "/.git/objects/pack");
    const std::string pack = error_of([&] { IncomingPack(small).add("PACK"); });
    if (pack.find("there is no room for") == std::string::npos) return 3;
    return error.find("there is no room for") == std::string::npos ? 1 : none ? 0 : 2;
  };
  const int code = sys::in_child([&] {
    try {
      return deliver();
    } catch (const base::Error& error) {
      std::fprintf(stderr, "%s\n", error.what());
      return 99;
    }
  });
  if (code == 77) GTEST_SKIP() << "this user may not make a mount namespace";
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace caisson::clones
