// SPDX-License-Identifier: Apache-2.0

// What becomes of the commits of a sandbox's clone. Its git is a real one, in a copy of the clone, or says what the
// test wants a hostile guest to say.

#include "keeper/commits.h"

#include <gmock/gmock.h>
#include <sys/mman.h>

#include <filesystem>
#include <fstream>

#include "clones/repository_for_test.h"
#include "clones/returned.h"
#include "keeper/testing/sandbox_for_test.h"
#include "link/change_format.h"

namespace caisson::keeper {
namespace {

namespace fs = std::filesystem;
using clones::TestGit;
using link::ExecFrame;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using GitAnswer = FakeGuest::GitAnswer;

class Commits : public testing::Test {
 protected:
  Commits() {
    std::ofstream(folder_ / "share") << "#!/bin/sh\ncat <&3 >&3\n";
    ::chmod((folder_ / "share").c_str(), 0700);
    fs::create_directories(host_.folder);
    host_({"init", "--quiet", "-b", "main"});
    host_.write("readme", "hello\n");
    host_.commit("one");
  }

  Claim make(std::vector<std::string> argv = {"exit", "0"}) {
    spec_ = spec_of("kt-clone", std::move(argv));
    const std::string host = fs::canonical(host_.folder).string();
    spec_.workspaces = {{.id = 1, .host = host, .guest = "/work", .mode = spec::WorkspaceMode::kClone}};
    FakeGuest unused;
    NewSandbox made(spec_.name);
    clones::make_clone({.sandbox_folder = made.folder(),
                        .sandbox = spec_.name,
                        .id = 1,
                        .host = host,
                        .masks = spec_.masks,
                        .unmasks = spec_.unmasks});
    fs::copy(clones::tree_of_clone(made.folder(), 1), guest_.folder, fs::copy_options::recursive);
    return std::move(made).commit(FakeEngine(unused).plan(spec_));
  }

  // As init would run it: "/work" is the copy.
  GitAnswer real_git(const std::vector<std::string>& argv, const std::string& input) const {
    std::vector<std::string> arguments;
    for (const std::string& word : argv) {
      const size_t at = word.find("=/work");
      arguments.push_back(at == std::string::npos ? word
                                                  : word.substr(0, at + 1) + guest_.folder + word.substr(at + 6));
    }
    const base::Fd file(::memfd_create("input", MFD_CLOEXEC));
    base::write_all(file.get(), {input.data(), input.size()}, "input");
    ::lseek(file.get(), 0, SEEK_SET);
    base::SpawnOptions options;
    options.argv = arguments;
    options.environment = {"PATH=/usr/bin:/bin:/usr/local/bin", "HOME=/", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C"};
    options.folder = "/";
    options.descriptors = {{file.get(), 0}};
    const base::ProgramResult result = base::run_program(options);
    return {result.out, result.status.code};
  }
  // A guest that has changed something, with a real git, but for the command that `instead` answers.
  FakeGuest guest(const std::string& command = {}, GitAnswer instead = {}) {
    FakeGuest guest;
    link::ChangeRecord record;
    record.kind = link::ChangeKind::kFile;
    record.path = "new";
    record.mode = 0644;
    link::encode_change(record, guest.changes[1]);
    guest.git = [this, command, instead](const std::vector<std::string>& argv, const std::string& input) {
      if (!command.empty() && std::find(argv.begin(), argv.end(), command) != argv.end()) return instead;
      return real_git(argv, input);
    };
    return guest;
  }
  KeeperExit run(Claim claim, FakeGuest guest) {
    RunningKeeper keeper(std::move(claim), {.share_program = folder_ / "share"}, std::move(guest));
    KeeperExit exit;
    {
      // Until it has left, or 5 s, the keeper stays.
      FrameConnection client = keeper.start().attach();
      client.expect(ExecFrame::kStarted);
      exit = client.expect_exit();
    }
    keeper.join();
    return exit;
  }
  std::string commit_inside(const std::string& text) const {
    guest_.write("readme", text);
    return guest_.commit(text);
  }
  bool host_has_branch() const { return host_.ok({"rev-parse", "--verify", "--quiet", "refs/heads/caisson/kt-clone"}); }
  // A guest that says that: nothing arrives, the sandbox stays, and the words are safe to print.
  void expect_refused(const std::string& command, const GitAnswer& answer) {
    fs::remove_all(guest_.folder);
    Claim claim = make();
    commit_inside("agent\n");
    const KeeperExit exit = run(std::move(claim), guest(command, answer));
    ASSERT_EQ(exit.notes.size(), 2U) << command << ": " << answer.out;
    EXPECT_THAT(exit.notes[0], Not(HasSubstr("\x1b")));
    EXPECT_THAT(exit.notes[1], HasSubstr("changes that could not be counted"));
    EXPECT_FALSE(host_has_branch());
    const Sandbox sandbox = read_sandbox("kt-clone");
    EXPECT_FALSE(sandbox.state.changes.at(0).known);
    remove_sandbox(sandbox);
  }

  base::ScopedEnvironment global_{"GIT_CONFIG_GLOBAL", "/dev/null"};
  base::ScopedEnvironment system_{"GIT_CONFIG_NOSYSTEM", "1"};
  StateFolder state_;
  base::TempFolder folder_;
  TestGit host_{folder_ / "host"};
  TestGit guest_{folder_ / "guest"};
  spec::SandboxSpec spec_;
};

TEST_F(Commits, AreOnTheBranchAtTheEnd) {
  Claim claim = make();
  const std::string head = commit_inside("agent\n");
  const KeeperExit exit = run(std::move(claim), guest());
  EXPECT_THAT(exit.notes, ElementsAre("1 commit on branch caisson/kt-clone: `git log ..caisson/kt-clone`"));
  EXPECT_EQ(host_({"rev-parse", "caisson/kt-clone"}), head);
  EXPECT_EQ(host_({"symbolic-ref", "--short", "HEAD"}), "main");
  EXPECT_THROW(read_sandbox("kt-clone"), base::Error) << "nothing keeps it";
}

TEST_F(Commits, NoneMakeNoBranch) {
  Claim claim = make();
  EXPECT_THAT(run(std::move(claim), guest()).notes, IsEmpty());
  EXPECT_FALSE(host_has_branch());
  EXPECT_THROW(read_sandbox("kt-clone"), base::Error);
}

TEST_F(Commits, WhatIsNotAmongThemKeepsTheSandbox) {
  Claim claim = make();
  guest_({"checkout", "--quiet", "-b", "aside"});
  commit_inside("aside\n");
  guest_({"checkout", "--quiet", "main"});
  commit_inside("agent\n");
  guest_.write("new", "x");
  const KeeperExit exit = run(std::move(claim), guest());
  ASSERT_EQ(exit.notes.size(), 2U);
  EXPECT_THAT(exit.notes[0], HasSubstr("1 commit on branch caisson/kt-clone"));
  EXPECT_THAT(exit.notes[1], HasSubstr("1 commit on other branches of the clone, 1 file not committed in the clone: "));
  const Sandbox sandbox = read_sandbox("kt-clone");
  EXPECT_EQ(sandbox.state.changes.at(0).commits, 0U);
  EXPECT_EQ(sandbox.state.changes.at(0).elsewhere, 1U);
  EXPECT_EQ(sandbox.state.changes.at(0).uncommitted, 1U);
  remove_sandbox(sandbox);
}

TEST_F(Commits, ThatTheBranchDoesNotTakeAreKept) {
  Claim claim = make();
  commit_inside("agent\n");
  host_.write("readme", "host\n");
  host_.commit("host");
  host_({"branch", "caisson/kt-clone"});
  const KeeperExit exit = run(std::move(claim), guest());
  ASSERT_EQ(exit.notes.size(), 2U);
  EXPECT_THAT(exit.notes[0], HasSubstr("--theirs"));
  EXPECT_THAT(exit.notes[1], HasSubstr("1 commit not taken over"));
  const Sandbox sandbox = read_sandbox("kt-clone");
  EXPECT_EQ(undelivered_commits(sandbox.folder, 1), 1U);
  DeliverOptions options{.sandbox_folder = sandbox.folder, .sandbox = "kt-clone", .id = 1};
  EXPECT_THROW(deliver_commits(options), base::Error);
  options.force = true;
  EXPECT_THAT(deliver_commits(options), ElementsAre(HasSubstr("1 commit on branch")));
  EXPECT_EQ(undelivered_commits(sandbox.folder, 1), 0U);
  remove_sandbox(sandbox);
}

TEST_F(Commits, WithoutAGitInTheSandboxTheyStayThere) {
  Claim claim = make();
  FakeGuest without = guest();
  without.git = {};
  const KeeperExit exit = run(std::move(claim), without);
  ASSERT_EQ(exit.notes.size(), 2U);
  EXPECT_THAT(exit.notes[0], HasSubstr("there is no git in the sandbox"));
  EXPECT_THAT(exit.notes[1], HasSubstr("changes that could not be counted"));
}

TEST_F(Commits, WhatAGuestSaysIsChecked) {
  expect_refused("rev-parse", {"refs/heads/main\n"});
  expect_refused("rev-parse", {"--all\n"});
  expect_refused("rev-parse", {"\x1b[31m\n"});
  expect_refused("rev-parse", {std::string(40, '1') + "\n"});
  expect_refused("rev-parse", {std::string(1 << 20, 'a')});
  expect_refused("rev-parse", {"", 128});
  expect_refused("pack-objects", {"no pack"});
  expect_refused("pack-objects", {""});
  expect_refused("pack-objects", {"", 1});
  expect_refused("rev-list", {"-1\n"});
  expect_refused("rev-list", {"99999999999999999999999\n"});
  expect_refused("rev-list", {"many\n"});
  expect_refused("status", {"", 128});
}

TEST_F(Commits, AreFetchedFromOneThatRuns) {
  Claim claim = make({"wait"});
  RunningKeeper keeper(std::move(claim), {.wait_for_attach = false, .share_program = folder_ / "share"}, guest());
  keeper.start().first().request("GET", "/v1/ready");
  const std::string head = commit_inside("agent\n");
  const base::Json found = keeper.another().request("POST", "/v1/commits", {{"id", 1}});
  EXPECT_EQ(found, (base::Json{{"commits", 1}, {"elsewhere", 0}, {"uncommitted", 0}}));
  EXPECT_FALSE(host_has_branch()) << "that is for apply to do";
  EXPECT_EQ(clones::returned_of(read_sandbox("kt-clone").folder, 1).at(0).head(), head);
  EXPECT_THROW(keeper.another().request("POST", "/v1/commits", {{"id", 2}}), ApiError);
}

}  // namespace
}  // namespace caisson::keeper
