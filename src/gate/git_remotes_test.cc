// SPDX-License-Identifier: Apache-2.0

#include "gate/git_remotes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/file.h"
#include "base/temp_folder_for_test.h"

namespace caisson::gate {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class GitRemotes : public ::testing::Test {
 protected:
  void write(const std::string& path, std::string_view text) {
    fs::create_directories(fs::path(folder_ / path).parent_path());
    base::write_file_atomic(folder_ / path, text);
  }

  std::vector<std::string> rules(const std::string& workspace = "w") {
    const GroupRules found = git_rules(folder_ / workspace);
    notes_ = found.notes;
    std::vector<std::string> texts;
    for (const Rule& rule : found.rules) texts.push_back(to_string(rule));
    return texts;
  }

  // The rules of a repository with one remote.
  std::vector<std::string> rules_of(const std::string& url) {
    write("w/.git/config", "[remote \"origin\"]\n\turl = " + url + "\n");
    return rules();
  }

  base::TempFolder folder_;
  std::vector<std::string> notes_;
};

TEST_F(GitRemotes, UrlsOfEachForm) {
  EXPECT_THAT(rules_of("https://user:secret@a.example/x.git"), ElementsAre("a.example:443"));
  EXPECT_THAT(rules_of("http://a.example/x.git"), ElementsAre("a.example:80"));
  EXPECT_THAT(rules_of("ssh://git@a.example/x.git"), ElementsAre("a.example:22"));
  EXPECT_THAT(rules_of("ssh://git@a.example:2222/x.git"), ElementsAre("a.example:2222"));
  EXPECT_THAT(rules_of("git://a.example/x.git"), ElementsAre("a.example:9418"));
  EXPECT_THAT(rules_of("git@a.example:x/y.git"), ElementsAre("a.example:22"));
  EXPECT_THAT(rules_of("a.example:x.git"), ElementsAre("a.example:22"));
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(GitRemotes, PathsAreNoHosts) {
  for (const char* url : {"/srv/x.git", "../x.git", "./a:b", "file:///srv/x.git", "x"}) {
    EXPECT_THAT(rules_of(url), IsEmpty()) << url;
    EXPECT_THAT(notes_, IsEmpty()) << url;
  }
}

TEST_F(GitRemotes, HelpersAndOddUrlsAreNoted) {
  for (const char* url : {"ext::sh -c x", "other://a.example/x", "https://a.example\\\\@b.example/x"}) {
    EXPECT_THAT(rules_of(url), IsEmpty()) << url;
    EXPECT_THAT(notes_, SizeIs(1)) << url;
  }
}

// The sandbox may have written them.
TEST_F(GitRemotes, NameOnlyTheInternet) {
  for (const char* url : {"https://localhost/x", "https://127.0.0.1:5432/x", "https://10.1.2.3/x", "https://nexus/x",
                          "http://169.254.169.254/x", "https://host.caisson.internal:8080/x", "git@100.64.1.2:x",
                          "http://[::1]/x", "http://[fd00::1]/x"}) {
    EXPECT_THAT(rules_of(url), IsEmpty()) << url;
    EXPECT_THAT(notes_, ElementsAre(AllOf(HasSubstr("@git: a remote names"), HasSubstr("--allow")))) << url;
  }
  EXPECT_THAT(rules_of("https://203.0.114.7/x"), ElementsAre("203.0.114.7:443"));
}

TEST_F(GitRemotes, EveryRemoteAndItsPushUrl) {
  write("w/.git/config",
        "[core]\n\turl = https://no.example/\n"
        "[remote \"origin\"]\n\turl = https://a.example/x\n\tpushurl = git@b.example:x\n\tfetch = +refs/*:refs/*\n"
        "[branch \"main\"]\n\turl = https://no.example/\n"
        "[Remote \"with \\\"quotes]\"] URL = https://c.example/x # comment\n"
        "[url \"https://no.example/\"]\n\tinsteadOf = x\n"
        "[include]\n\tpath = ../other\n"
        "[remote]\n\turl = https://no.example/\n");
  write("w/other", "[remote \"x\"]\n\turl = https://no.example/\n");
  EXPECT_THAT(rules(), ElementsAre("a.example:443", "b.example:22", "c.example:443"));
}

TEST_F(GitRemotes, ValuesAreReadAsGitReadsThem) {
  EXPECT_EQ(remote_urls("[remote \"x\"]\nurl = \"https://a.example/#x\" ; y\n"),
            std::vector<std::string>{"https://a.example/#x"});
  EXPECT_EQ(remote_urls("[remote \"x\"]\r\nurl =  https://a.ex\\\nample/x  \r\n"),
            std::vector<std::string>{"https://a.example/x"});
  EXPECT_EQ(remote_urls("[remote \"x\"]\nurl=a\\\\b\\\"c"), std::vector<std::string>{"a\\b\"c"});
  EXPECT_EQ(remote_urls("[remote \"x\"]\nurl\n"), std::vector<std::string>{});
  for (const char* text : {"[remote", "[remote \"x", "[remote \"x\"", "[remote \"x\" y]", "[remote \"x\"]\nurl = \"a\n",
                           "[remote \"x\"]\nurl = \\q\n", "[remote \"x\"]\nurl a\n", "[remote \"x\"]\n=\n"}) {
    EXPECT_EQ(remote_urls(text), std::nullopt) << text;
  }
}

TEST_F(GitRemotes, AWorktree) {
  write("main/.git/config", "[remote \"origin\"]\n\turl = https://a.example/x\n");
  write("main/.git/worktrees/w/commondir", "../..\n");
  write("main/.git/worktrees/w/gitdir", (folder_ / "w/.git") + "\n");
  write("w/.git", "gitdir: " + (folder_ / "main/.git/worktrees/w") + "\n");
  EXPECT_THAT(rules(), ElementsAre("a.example:443"));
}

TEST_F(GitRemotes, AWorktreeWithRelativePaths) {
  write("main/.git/config", "[remote \"origin\"]\n\turl = https://a.example/x\n");
  write("main/.git/worktrees/w/commondir", "../..\n");
  write("main/.git/worktrees/w/gitdir", "../../../../w/.git\n");
  write("w/.git", "gitdir: ../main/.git/worktrees/w\n");
  EXPECT_THAT(rules(), ElementsAre("a.example:443"));
}

TEST_F(GitRemotes, ASubmodule) {
  write("super/.git/config", "[remote \"origin\"]\n\turl = https://no.example/x\n");
  write("super/.git/modules/lib/config", "[remote \"origin\"]\n\turl = https://a.example/x\n");
  write("super/lib/.git", "gitdir: ../.git/modules/lib\n");
  EXPECT_THAT(rules("super/lib"), ElementsAre("a.example:443"));
}

TEST_F(GitRemotes, AWorktreeOfABareRepository) {
  write("bare.git/config", "[remote \"origin\"]\n\turl = https://a.example/x\n");
  write("bare.git/worktrees/w/commondir", "../..\n");
  write("bare.git/worktrees/w/gitdir", (folder_ / "w/.git") + "\n");
  write("w/.git", "gitdir: " + (folder_ / "bare.git/worktrees/w") + "\n");
  EXPECT_THAT(rules(), ElementsAre("a.example:443"));
}

TEST_F(GitRemotes, ASubmoduleOfAWorktree) {
  write("super/.git/worktrees/w/gitdir", (folder_ / "w/.git") + "\n");
  write("super/.git/worktrees/w/modules/lib/config", "[remote \"origin\"]\n\turl = https://a.example/x\n");
  write("w/.git", "gitdir: elsewhere\n");
  write("w/lib/.git", "gitdir: ../../super/.git/worktrees/w/modules/lib\n");
  EXPECT_THAT(rules("w/lib"), ElementsAre("a.example:443"));
  write("v/lib/.git", "gitdir: ../../super/.git/worktrees/w/modules/lib\n");
  EXPECT_THAT(rules("v/lib"), IsEmpty());
}

// A .git file in the workspace is the sandbox's to write: it could name any repository of the user's.
TEST_F(GitRemotes, AnotherRepositoryIsNotFollowed) {
  const std::string config = "[remote \"origin\"]\n\turl = https://secret.example/x\n";
  write("other/.git/config", config);
  write("other/.git/worktrees/o/config", config);
  write("other/.git/worktrees/o/commondir", "../..\n");
  write("other/.git/worktrees/o/gitdir", (folder_ / "o/.git") + "\n");
  write("o/.git", "gitdir: x\n");
  write("other/.git/modules/lib/config", config);
  for (const char* target :
       {"../other/.git", "../other/.git/worktrees/o", "../other/.git/modules/lib", "../missing", ""}) {
    write("w/.git", std::string("gitdir: ") + target + "\n");
    EXPECT_THAT(rules(), IsEmpty()) << target;
    EXPECT_THAT(notes_, ElementsAre(HasSubstr("@git: the workspace's '.git' is not followed"))) << target;
  }
  write("w/.git", "https://a.example\n");
  EXPECT_THAT(rules(), IsEmpty());
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("it is a file that names no folder")));
}

TEST_F(GitRemotes, LinksAreNotFollowed) {
  write("other/.git/config", "[remote \"origin\"]\n\turl = https://secret.example/x\n");
  fs::create_directories(folder_ / "w");
  fs::create_directory_symlink(folder_ / "other/.git", folder_ / "w/.git");
  EXPECT_THAT(rules(), IsEmpty());
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("is no folder and no file")));
  fs::remove(folder_ / "w/.git");
  fs::create_directories(folder_ / "w/.git");
  fs::create_symlink(folder_ / "other/.git/config", folder_ / "w/.git/config");
  EXPECT_THAT(rules(), IsEmpty());
  EXPECT_THAT(notes_, SizeIs(1));
}

TEST_F(GitRemotes, WhatIsNoFileIsNotReadAndNotWaitedFor) {
  fs::create_directories(folder_ / "w/.git");
  ASSERT_EQ(::mkfifo((folder_ / "w/.git/config").c_str(), 0600), 0);
  EXPECT_THAT(rules(), IsEmpty());
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("it is not a file")));
}

TEST_F(GitRemotes, NoRepositoryIsANote) {
  EXPECT_THAT(git_rules("").notes, ElementsAre("@git: there is no workspace"));
  fs::create_directories(folder_ / "w");
  EXPECT_THAT(rules(), IsEmpty());
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("is not the top of a git repository")));
  EXPECT_THAT(rules("missing"), IsEmpty());
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("cannot find the workspace")));
  write("w/.git/config", "[core]\n");
  EXPECT_THAT(rules(), IsEmpty());
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("has no remote")));
}

TEST_F(GitRemotes, AreBounded) {
  std::string config;
  for (int i = 0; i < 1000; ++i) {
    config += "[remote \"r" + std::to_string(i) + "\"]\nurl = https://h" + std::to_string(i) + ".example/x\n";
  }
  write("w/.git/config", config);
  EXPECT_THAT(rules(), SizeIs(kMaxRemotes));
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("more than 64 remotes")));
  EXPECT_THAT(rules_of("https://a.example/" + std::string(5000, 'x')), IsEmpty());
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("too long")));
  write("w/.git/config", std::string(kMaxGitConfigBytes + 1, '\n'));
  EXPECT_THAT(rules(), IsEmpty());
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("larger than")));
}

}  // namespace
}  // namespace caisson::gate
