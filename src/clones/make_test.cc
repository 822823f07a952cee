// SPDX-License-Identifier: Apache-2.0

#include "clones/make.h"

#include <sys/stat.h>

#include "base/error.h"
#include "clones/repository_for_test.h"

namespace caisson::clones {
namespace {

namespace fs = std::filesystem;

TEST_F(Cloning, HasTheFilesAndTheHistoryOfTheLastCommit) {
  host_.write("readme", "one\n");
  host_.write("run", "#!/bin/sh\n");
  fs::permissions(host_.folder + "/run", fs::perms::owner_all);
  host_.commit("one");
  host_({"tag", "-a", "v1", "-m", "v1"});
  host_({"branch", "other"});
  const std::string head = host_.commit("two");
  host_.write("readme", "not committed, and longer\n");
  const std::vector<std::string> notes = clone();
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_NE(notes[0].find("1 file that"), std::string::npos) << notes[0];
  const TestGit inside = this->inside();
  EXPECT_EQ(inside.read("readme"), "one\n");
  EXPECT_EQ(inside({"rev-parse", "HEAD"}), head);
  EXPECT_EQ(inside({"symbolic-ref", "--short", "HEAD"}), "main");
  EXPECT_EQ(inside({"status", "--porcelain"}), "");
  EXPECT_EQ(inside({"describe", "--tags"}).substr(0, 5), "v1-1-");
  EXPECT_EQ(inside({"rev-parse", "origin/other"}), host_({"rev-parse", "other"}));
  EXPECT_TRUE(inside.ok({"fsck", "--strict"}));
  EXPECT_EQ(inside({"config", "--get", "core.fileMode"}), "true");
  const std::vector<ClonedRepository> repositories = read_clone(sandbox_, 1);
  ASSERT_EQ(repositories.size(), 1U);
  EXPECT_EQ(repositories[0].base, head);
  EXPECT_EQ(repositories[0].path, "");
}

// Else the first git command in the sandbox reads each of them.
TEST_F(Cloning, FilesAreOlderThanTheIndex) {
  host_.write("readme", "one\n");
  host_.write("src/deep/file", "two\n");
  fs::create_symlink("readme", host_.folder + "/link");
  host_.commit("one");
  clone();
  const TestGit inside = this->inside();
  auto second_of = [&](const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::lstat((inside.folder + "/" + path).c_str(), &info), 0) << path;
    return info.st_mtime;
  };
  for (const char* path : {"readme", "src/deep/file", "link"})
    EXPECT_LT(second_of(path), second_of(".git/index")) << path;
  // By the index alone: nothing is read for it.
  EXPECT_TRUE(inside.ok({"diff-files", "--quiet"}));
}

TEST_F(Cloning, LeavesTheHostAsItIs) {
  host_.write("a", "1");
  host_.commit("one");
  host_.write("a", "staged, and longer");
  host_({"add", "a"});
  const std::string index = host_.read(".git/index");
  const std::string references = host_({"for-each-ref"});
  clone();
  EXPECT_EQ(host_.read(".git/index"), index);
  EXPECT_EQ(host_({"for-each-ref"}), references);
}

TEST_F(Cloning, HasNothingOfTheHostsConfiguration) {
  host_.write("a", "1");
  host_.commit("one");
  host_({"config", "remote.origin.url", "https://user:token@example.org/x"});
  host_.write(".git/hooks/pre-commit", "#!/bin/sh\nexit 1\n");
  host_.write("a", "stashed");
  host_({"stash"});
  clone();
  const TestGit inside = this->inside();
  EXPECT_EQ(inside.read(".git/config").find("token"), std::string::npos);
  EXPECT_FALSE(inside.has(".git/hooks"));
  EXPECT_FALSE(inside.has(".git/logs")) << "who made it, and when";
  EXPECT_FALSE(inside.ok({"rev-parse", "--verify", "refs/stash"}));
  EXPECT_FALSE(inside.has_object(host_({"rev-parse", "refs/stash"})));
}

TEST_F(Cloning, WhatIsHiddenIsNotThere) {
  host_.write("readme", "hello\n");
  host_.write(".env", "FIRST=1\n");
  host_.write("secrets/key", "key\n");
  host_.commit("one");
  host_.write(".env", "SECOND=2\n");
  host_.write(".env.example", "EXAMPLE=\n");
  host_.write("copy", "key\n");  // a copy is another file, and visible
  host_.commit("two");
  const std::string first = host_({"rev-parse", "HEAD~1:.env"});
  const std::string second = host_({"rev-parse", "HEAD:.env"});
  clone();
  const TestGit inside = this->inside();
  EXPECT_FALSE(inside.has(".env"));
  EXPECT_FALSE(inside.has("secrets/key"));
  EXPECT_TRUE(inside.has(".env.example"));
  EXPECT_EQ(inside.read("copy"), "key\n");
  EXPECT_FALSE(inside.has_object(first));
  EXPECT_FALSE(inside.has_object(second));
  // git takes them for what is not checked out, not for removed.
  EXPECT_EQ(inside({"status", "--porcelain"}), "");
  EXPECT_TRUE(inside.ok({"fsck"}));
  inside.write("readme", "more\n");
  inside.commit("three");
  EXPECT_EQ(inside({"diff", "--name-only", "HEAD~1"}), "readme");
  EXPECT_EQ(inside({"ls-tree", "HEAD", ".env"}).find(second) != std::string::npos, true);
  inside({"gc", "--quiet"});
  EXPECT_EQ(inside({"status", "--porcelain"}), "");
}

TEST_F(Cloning, ATokenHidesAnNpmrc) {
  host_.write(".npmrc", "registry=https://example.org\n");
  host_.write("a/.npmrc", "//example.org/:_authToken=secret\n");
  host_.commit("one");
  const std::string token = host_({"rev-parse", "HEAD:a/.npmrc"});
  clone();
  EXPECT_TRUE(inside().has(".npmrc"));
  EXPECT_FALSE(inside().has("a/.npmrc"));
  EXPECT_FALSE(inside().has_object(token));
  EXPECT_EQ(inside()({"status", "--porcelain"}), "");
}

TEST_F(Cloning, ATagOfAHiddenFileIsNotThere) {
  host_.write(".env", "SECRET=1\n");
  host_.commit("one");
  const std::string secret = host_({"rev-parse", "HEAD:.env"});
  host_({"tag", "plain", secret});
  host_({"tag", "-a", "annotated", "-m", "secret", secret});
  clone();
  EXPECT_FALSE(inside().has_object(secret));
  EXPECT_EQ(inside()({"tag", "--list"}), "annotated");
}

TEST_F(Cloning, OfALinkedWorktree) {
  host_.write("a", "1");
  host_.commit("one");
  host_({"worktree", "add", "--quiet", folder_ / "linked", "-b", "feature"});
  const TestGit linked{folder_ / "linked"};
  linked.write("b", "2");
  const std::string head = linked.commit("two");
  clone_from(linked.folder);
  EXPECT_EQ(inside()({"rev-parse", "HEAD"}), head);
  EXPECT_EQ(inside()({"symbolic-ref", "--short", "HEAD"}), "feature");
  EXPECT_TRUE(inside().has("b"));
}

TEST_F(Cloning, OfAShallowRepository) {
  for (const char* text : {"1", "22", "333"}) {
    host_.write("a", text);
    host_.commit(text);
  }
  host_({"clone", "--quiet", "--depth=2", "file://" + host_.folder, folder_ / "shallow"});
  clone_from(folder_ / "shallow");
  EXPECT_EQ(inside()({"rev-list", "--count", "HEAD"}), "2");
  EXPECT_TRUE(inside().ok({"fsck"}));
  EXPECT_EQ(inside().read("a"), "333");
}

TEST_F(Cloning, BeforeTheFirstCommitAndWithoutABranch) {
  host_({"symbolic-ref", "HEAD", "refs/heads/first"});
  clone();
  EXPECT_EQ(inside()({"symbolic-ref", "--short", "HEAD"}), "first");
  EXPECT_EQ(read_clone(sandbox_, 1).at(0).base, "");
  fs::remove_all(sandbox_ + "/clones");
  host_.write("a", "1");
  const std::string head = host_.commit("one");
  host_({"checkout", "--quiet", "--detach"});
  clone();
  EXPECT_FALSE(inside().ok({"symbolic-ref", "--quiet", "HEAD"}));
  EXPECT_EQ(inside()({"rev-parse", "HEAD"}), head);
}

TEST_F(Cloning, Submodules) {
  const TestGit library{folder_ / "library"};
  fs::create_directories(library.folder);
  library({"init", "--quiet", "-b", "main"});
  library.write("code", "1");
  library.write(".env", "SUB=1\n");
  library.commit("library");
  host_({"submodule", "--quiet", "add", library.folder, "libs/one"});
  host_({"submodule", "--quiet", "add", library.folder, "libs/away"});
  host_.commit("with submodules");
  host_({"submodule", "--quiet", "deinit", "--force", "libs/away"});
  const std::vector<std::string> notes = clone();
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_NE(notes[0].find("'libs/away' is not checked out here"), std::string::npos) << notes[0];
  const TestGit inside = this->inside();
  const TestGit sub{inside.folder + "/libs/one"};
  EXPECT_TRUE(sub.has("code"));
  EXPECT_FALSE(sub.has(".env"));
  EXPECT_EQ(inside({"status", "--porcelain"}), "");
  EXPECT_EQ(inside({"submodule", "status", "libs/one"}).substr(0, 40), library({"rev-parse", "HEAD"}));
  const std::vector<ClonedRepository> repositories = read_clone(sandbox_, 1);
  ASSERT_EQ(repositories.size(), 2U);
  EXPECT_EQ(repositories[1].path, "libs/one");
  EXPECT_EQ(repositories[1].host, fs::canonical(host_.folder).string() + "/libs/one");
}

TEST_F(Cloning, OfABranchThatIsCalledAsASecretIs) {
  masks_ = {"id_rsa*"};
  host_.write("a", "1");
  const std::string head = host_.commit("one");
  host_({"checkout", "--quiet", "-b", "id_rsa-rotation"});
  clone();
  EXPECT_EQ(inside()({"rev-parse", "id_rsa-rotation"}), head);
  EXPECT_FALSE(inside().has(".git/refs/heads/id_rsa-rotation")) << "the share would hide it";
}

TEST_F(Cloning, HiddenFilesAreNotInTheWayOfOtherBranches) {
  host_.write(".env", "1\n");
  host_.write("a", "1");
  host_.commit("one");
  host_({"checkout", "--quiet", "-b", "other"});
  host_.write(".env", "2\n");
  host_.write("b", "2");
  host_.commit("two");
  host_({"checkout", "--quiet", "main"});
  host_.write("c", "3");
  host_.commit("three");
  clone();
  const TestGit inside = this->inside();
  inside({"checkout", "--quiet", "-b", "mine", "origin/other"});
  EXPECT_TRUE(inside.has("b"));
  EXPECT_FALSE(inside.has(".env"));
  inside({"checkout", "--quiet", "main"});
  inside({"merge", "--quiet", "-m", "merged", "mine"});
  EXPECT_EQ(inside({"rev-parse", "HEAD:.env"}), host_({"rev-parse", "other:.env"}));
  EXPECT_EQ(inside({"status", "--porcelain"}), "");
}

TEST_F(Cloning, NamesOfAnyBytes) {
  host_.write("a\nb", "1");
  host_.write("\xff[x]*", "2");
  host_.write("quote\"", "3");
  host_.write("d/.env\nx", "hidden");
  host_.commit("names");
  clone();
  EXPECT_TRUE(inside().has("a\nb"));
  EXPECT_TRUE(inside().has("\xff[x]*"));
  EXPECT_TRUE(inside().has("quote\""));
}

}  // namespace
}  // namespace caisson::clones
