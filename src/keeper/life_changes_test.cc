// SPDX-License-Identifier: Apache-2.0

// What becomes of a sandbox that has changed something in its workspace, and of one that has not.

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "keeper/kept_changes.h"
#include "keeper/testing/sandbox_for_test.h"
#include "link/change_format.h"

namespace caisson::keeper {
namespace {

using link::ChangeKind;
using link::ChangeRecord;
using link::ExecFrame;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Of a new, empty file.
ChangeRecord new_file(const std::string& path) {
  ChangeRecord record;
  record.kind = ChangeKind::kFile;
  record.path = path;
  record.mode = 0644;
  return record;
}

FakeGuest guest_with(const std::vector<ChangeRecord>& records) {
  FakeGuest guest;
  for (const ChangeRecord& record : records) link::encode_change(record, guest.changes[1]);
  return guest;
}

class LifeChanges : public testing::Test {
 protected:
  LifeChanges() {
    std::ofstream(folder_ / "share") << "#!/bin/sh\ncat <&3 >&3\n";
    ::chmod((folder_ / "share").c_str(), 0700);
    std::filesystem::create_directory(folder_ / "project");
    std::ofstream(folder_ / "project/empty").flush();
    ::chmod((folder_ / "project/empty").c_str(), 0644);
  }

  spec::SandboxSpec spec(std::vector<std::string> argv) {
    spec::SandboxSpec spec = spec_of("kt-changes", std::move(argv));
    const std::string host = std::filesystem::canonical(folder_ / "project").string();
    spec.workspaces = {{.id = 1, .host = host, .guest = "/work"}};
    return spec;
  }
  KeeperOptions options() { return {.share_program = folder_ / "share"}; }

  // Of a command that ends at once.
  KeeperExit exit_of(RunningKeeper& keeper) {
    FrameConnection client = keeper.start().attach();
    client.expect(ExecFrame::kStarted);
    return client.expect_exit();
  }
  static ChangesState only(const Sandbox& sandbox) {
    EXPECT_EQ(sandbox.state.changes.size(), 1U);
    return sandbox.state.changes.empty() ? ChangesState() : sandbox.state.changes[0];
  }

  StateFolder state_;
  base::TempFolder folder_;
};

TEST_F(LifeChanges, ASandboxThatChangedNothingGoesAway) {
  RunningKeeper keeper(spec({"exit", "0"}), options());
  EXPECT_THAT(exit_of(keeper).notes, IsEmpty());
  EXPECT_THROW(read_sandbox("kt-changes"), base::Error);
  keeper.join();
  EXPECT_TRUE(keeper.guest.killed);
  EXPECT_EQ(keeper.guest.ended_commands, 0);
  EXPECT_THAT(names_in_state_folder(), IsEmpty());
}

TEST_F(LifeChanges, WhatIsAsOnTheHostIsNoChange) {
  RunningKeeper keeper(spec({"exit", "0"}), options(), guest_with({new_file("empty")}));
  EXPECT_THAT(exit_of(keeper).notes, IsEmpty());
  EXPECT_THROW(read_sandbox("kt-changes"), base::Error);
  keeper.join();
  EXPECT_EQ(keeper.guest.ended_commands, 1);
}

TEST_F(LifeChanges, OneThatChangedSomethingStays) {
  RunningKeeper keeper(spec({"exit", "3"}), options(), guest_with({new_file("a"), new_file("b")}));
  const KeeperExit exit = exit_of(keeper);
  EXPECT_EQ(exit.code, 3);
  EXPECT_THAT(exit.notes, ElementsAre("2 files added: `caisson diff kt-changes`, `caisson apply kt-changes`, "
                                      "`caisson discard kt-changes`"));
  const Sandbox sandbox = read_sandbox("kt-changes");
  EXPECT_EQ(sandbox.state.status, Status::kStopped);
  EXPECT_TRUE(only(sandbox).known);
  EXPECT_EQ(only(sandbox).added, 2U);
  const auto kept = changes::Received::open(kept_changes_path(sandbox.folder, 1));
  EXPECT_EQ(kept.records().size(), 2U);
  keeper.join();
  EXPECT_EQ(keeper.guest.made_to_stay, 1);
  EXPECT_EQ(keeper.guest.ended_commands, 1);
  EXPECT_FALSE(keeper.guest.killed) << "its disk was not closed";

  // Started again, what was kept is not true any more.
  RunningKeeper again(claim_sandbox(sandbox), {.wait_for_attach = false, .share_program = folder_ / "share"}, {});
  again.start().first().request("GET", "/v1/ready");
  EXPECT_FALSE(std::filesystem::exists(kept_changes_path(sandbox.folder, 1)));
  EXPECT_FALSE(only(read_sandbox("kt-changes")).known);
  again.another().request("POST", "/v1/stop", {{"timeout_seconds", 10}});
  EXPECT_THROW(read_sandbox("kt-changes"), base::Error) << "nothing keeps it any more";
}

// After a keeper that was killed the guest may have nothing to say, or nothing of what there was: a look at it is no
// reason to throw the rest away.
TEST_F(LifeChanges, OneThatWasStartedToBeLookedAtStays) {
  spec::SandboxSpec unkept = spec({"wait"});
  RunningKeeper first(unkept, options());
  FrameConnection client = first.start().attach();
  client.expect(ExecFrame::kStarted);
  first.in_loop([&] {
    first.guest.die("the keeper was killed");
    return 0;
  });
  client.expect_error();
  first.join();

  const Sandbox sandbox = read_sandbox("kt-changes");
  RunningKeeper look(
      claim_sandbox(sandbox),
      {.wait_for_attach = false, .end_with_client = true, .stays = true, .share_program = folder_ / "share"}, {});
  {
    Client asks = look.start().first();
    asks.request("GET", "/v1/ready");
  }
  look.join();
  EXPECT_TRUE(only(read_sandbox("kt-changes")).is_nothing());
  EXPECT_EQ(read_sandbox("kt-changes").state.status, Status::kStopped);
}

TEST_F(LifeChanges, AnAccountThatIsRefusedIsNoAccount) {
  std::vector<ChangeRecord> escapes = {new_file("../away")};
  RunningKeeper keeper(spec({"exit", "0"}), options(), guest_with(escapes));
  EXPECT_THAT(exit_of(keeper).notes, ElementsAre(HasSubstr("changes that could not be counted: `caisson diff")));
  EXPECT_FALSE(only(read_sandbox("kt-changes")).known);
}

TEST_F(LifeChanges, WhereTheGuestDoesNotSayItStays) {
  FakeGuest guest;
  guest.lists_changes = false;
  RunningKeeper keeper(spec({"exit", "0"}), options(), guest);
  EXPECT_THAT(exit_of(keeper).notes, ElementsAre(HasSubstr("changes that could not be counted: `caisson diff")));
  EXPECT_FALSE(only(read_sandbox("kt-changes")).known);
}

TEST_F(LifeChanges, AMachineThatDiesLeavesWhatItHad) {
  RunningKeeper keeper(spec({"wait"}), options());
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  keeper.in_loop([&] {
    keeper.guest.die("it burned down");
    return 0;
  });
  EXPECT_THAT(client.expect_error()["hint"].get<std::string>(), HasSubstr("`caisson diff kt-changes`"));
  EXPECT_FALSE(only(read_sandbox("kt-changes")).known);
}

TEST_F(LifeChanges, AStopKeepsThemToo) {
  spec::SandboxSpec kept = spec({"wait"});
  kept.remove_at_end = false;
  RunningKeeper keeper(kept, {.wait_for_attach = false, .share_program = folder_ / "share"},
                       guest_with({new_file("a")}));
  keeper.start().first().request("GET", "/v1/ready");
  keeper.another().request("POST", "/v1/stop", {{"timeout_seconds", 10}});
  EXPECT_EQ(only(read_sandbox("kt-changes")).added, 1U);
  keeper.join();
  EXPECT_EQ(keeper.guest.made_to_stay, 0) << "it was made to stay";
}

TEST_F(LifeChanges, AnInterruptedApplyKeepsIt) {
  RunningKeeper keeper(spec({"wait"}), options());
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  base::write_file_atomic(apply_journal_path(read_sandbox("kt-changes").folder, 1), "{}");
  keeper.another().request("POST", "/v1/exec/main/signal", base::Json{{"signal", 15}});
  client.expect_exit();
  EXPECT_EQ(read_sandbox("kt-changes").state.status, Status::kStopped);
}

}  // namespace
}  // namespace caisson::keeper
