// SPDX-License-Identifier: Apache-2.0

#include "keeper/record.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"
#include "base/small_disk_for_test.h"
#include "base/text.h"
#include "keeper/abandoned.h"
#include "keeper/launch.h"
#include "keeper/testing/sandbox_for_test.h"

namespace caisson::keeper {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RecordTest : public testing::Test {
 protected:
  static std::string error_of(const std::function<void()>& function) {
    try {
      function();
    } catch (const base::Error& error) {
      return error.what();
    }
    return "no error";
  }

  StateFolder state;
};

TEST_F(RecordTest, ANewSandboxAppearsCompleteAndCreated) {
  {
    const Claim claim = make_sandbox(spec_of("kt-a", {"true"}));
    EXPECT_EQ(claim.folder, sandboxes_folder() + "/kt-a");
    // Whoever holds the lock makes or runs it.
    EXPECT_EQ(read_sandbox("kt-a").state.status, Status::kRunning);
  }
  const Sandbox sandbox = read_sandbox("kt-a");
  EXPECT_EQ(sandbox.state.status, Status::kCreated);
  EXPECT_EQ(sandbox.engine, "fake");
  EXPECT_EQ(sandbox.spec.command.argv, std::vector<std::string>{"true"});
  EXPECT_THAT(names_in_state_folder(), ElementsAre("kt-a"));
}

TEST_F(RecordTest, ANameThatExistsIsRefusedWithTheRemedies) {
  std::optional<Claim> claim = make_sandbox(spec_of("kt-a", {"true"}));
  std::string error = error_of([] { NewSandbox again("kt-a"); });
  EXPECT_THAT(error, HasSubstr("there is a sandbox 'kt-a' already, and it runs"));
  EXPECT_THAT(error, HasSubstr("`caisson exec kt-a CMD` runs a command in it, `caisson rm --force kt-a` ends"));
  State stopped;
  stopped.status = Status::kStopped;
  write_state(claim->folder, stopped);
  claim.reset();
  error = error_of([] { NewSandbox again("kt-a"); });
  EXPECT_THAT(error, HasSubstr("there is a sandbox 'kt-a' already (`caisson rm kt-a` removes it"));
}

TEST_F(RecordTest, TheSecondOfTwoThatMakeOneNameFailsAndLeavesNothing) {
  FakeGuest guest;
  const FakeEngine engine(guest);
  {
    NewSandbox first("kt-a");
    NewSandbox second("kt-a");
    const Claim claim = std::move(first).commit(engine.plan(spec_of("kt-a", {"true"})));
    EXPECT_THAT(error_of([&] { std::move(second).commit(engine.plan(spec_of("kt-a", {"false"}))); }),
                HasSubstr("already"));
  }
  EXPECT_THAT(names_in_state_folder(), ElementsAre("kt-a"));
  EXPECT_EQ(read_sandbox("kt-a").spec.command.argv, std::vector<std::string>{"true"});
}

TEST_F(RecordTest, WhatIsNotCommittedLeavesNothing) {
  { NewSandbox made("kt-a"); }
  EXPECT_THAT(names_in_state_folder(), IsEmpty());
}

TEST_F(RecordTest, BadNamesAreRefused) {
  EXPECT_NE(error_of([] { NewSandbox made("../kt"); }), "no error");
  EXPECT_NE(error_of([] { read_sandbox("../kt"); }), "no error");
  EXPECT_THAT(error_of([] { read_sandbox("kt-none"); }), HasSubstr("there is no sandbox 'kt-none'"));
}

TEST_F(RecordTest, LeftoversAreSweptUnlessSomebodyWorksOnThem) {
  const std::string parent = sandboxes_folder();
  for (const char* left : {"/.new-kt-a-abc123/vm", "/.gone-kt-b-abc123/vm", "/.new-kt-empty-abc123"})
    base::make_folders(parent + left);
  NewSandbox in_use("kt-c");
  EXPECT_THAT(list_sandboxes(), IsEmpty());
  ASSERT_EQ(names_in_state_folder().size(), 1U);
  EXPECT_TRUE(std::filesystem::exists(in_use.folder()));
}

TEST_F(RecordTest, ASandboxIsRemovedFromADiskThatHasNoRoomForOneMoreFile) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!base::mount_small(state.folder.path(), 64)) ::_exit(77);
    make_sandbox(spec_of("kt-a", {"true"}));
    int made = 0;
    while (base::Fd(::open((state.folder / std::to_string(made)).c_str(), O_WRONLY | O_CREAT, 0600))) ++made;
    ::_exit(made > 0 && error_of([] { remove_sandbox(read_sandbox("kt-a")); }) == "no error" &&
                    names_in_state_folder().empty()
                ? 0
                : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no mount namespace can be made here";
  EXPECT_EQ(status, 0);
}

TEST_F(RecordTest, WhatWasKilledBeforeItHadAKeeperIsCollected) {
  make_sandbox(spec_of("kt-listed", {"true"}));
  EXPECT_THAT(list_sandboxes(), IsEmpty());
  make_sandbox(spec_of("kt-made-again", {"true"}));
  { NewSandbox again("kt-made-again"); }
  make_sandbox(spec_of("kt-named", {"true"}));
  EXPECT_TRUE(collect_abandoned("kt-named"));
  EXPECT_FALSE(collect_abandoned("kt-named"));
  EXPECT_FALSE(collect_abandoned("../sandboxes"));
  EXPECT_THAT(names_in_state_folder(), IsEmpty());
}

TEST_F(RecordTest, WhatSomebodyWorksOnOrHasRunIsNotCollected) {
  const Claim claim = make_sandbox(spec_of("kt-at-work", {"true"}));
  EXPECT_FALSE(collect_abandoned("kt-at-work"));
  EXPECT_EQ(list_sandboxes().size(), 1U);
  State stopped;
  stopped.status = Status::kStopped;
  write_state(make_sandbox(spec_of("kt-kept", {"true"})).folder, stopped);
  EXPECT_FALSE(collect_abandoned("kt-kept"));
  EXPECT_EQ(list_sandboxes().size(), 2U);
  EXPECT_NE(error_of([] { NewSandbox again("kt-kept"); }), "no error");
}

TEST_F(RecordTest, AKilledKeeperReadsAsStopped) {
  std::optional<Claim> claim = make_sandbox(spec_of("kt-a", {"true"}));
  State running;
  running.status = Status::kRunning;
  running.keeper_pid = 4242;
  write_state(claim->folder, running);
  // Another process takes the lock over, as a keeper does, and is killed.
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  claim.reset();
  EXPECT_EQ(read_sandbox("kt-a").state.status, Status::kRunning);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const Sandbox sandbox = read_sandbox("kt-a");
  EXPECT_EQ(sandbox.state.status, Status::kStopped);
  EXPECT_EQ(sandbox.state.reason, "the sandbox's keeper was killed");
  EXPECT_EQ(sandbox.state.keeper_pid, 0);
  base::make_folders(sandbox.socket);
  std::filesystem::remove(sandbox.socket);
  base::write_file_atomic(sandbox.socket, "what a killed keeper leaves");
  remove_sandbox(sandbox);
  EXPECT_THAT(names_in_state_folder(), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(sandbox.socket.substr(0, sandbox.socket.rfind('/'))));
}

TEST_F(RecordTest, OnlyTheKeeperOfThatSandboxIsKilled) {
  const Claim claim = make_sandbox(spec_of("kt-a", {"true"}));
  base::Child bystander = base::spawn({.argv = {"sleep", "1000"}});
  State running;
  running.status = Status::kRunning;
  running.keeper_pid = bystander.pid();
  write_state(claim.folder, running);
  EXPECT_THAT(error_of([] { kill_keeper(read_sandbox("kt-a")); }), HasSubstr("another process holds its lock"));
  EXPECT_EQ(::kill(bystander.pid(), 0), 0);
}

TEST_F(RecordTest, ABrokenRecordIsListedAndCanBeRemoved) {
  const std::string folder = make_sandbox(spec_of("kt-a", {"true"})).folder;
  for (const char* content : {"", "[]", "{\"status\":\"running\"}", "{"}) {
    base::write_file_atomic(folder + "/state.json", content);
    EXPECT_NE(list_sandboxes().at(0).problem, "") << content;
  }
  const std::vector<Sandbox> all = list_sandboxes();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_THAT(all[0].problem, HasSubstr("state"));
  EXPECT_EQ(to_json(all[0])["status"], "broken");
  EXPECT_THAT(error_of([] { read_sandbox("kt-a"); }), HasSubstr("cannot read the record of 'kt-a'"));
  remove_sandbox(all[0]);
  EXPECT_THAT(list_sandboxes(), IsEmpty());
}

TEST_F(RecordTest, AStateIsReadAsItWasWritten) {
  State state_written;
  state_written.status = Status::kStopped;
  state_written.accelerator = "tcg";
  state_written.created = now();
  state_written.ended = now();
  state_written.exit_code = 7;
  state_written.reason = "because";
  state_written.notes = {"a", "b"};
  state_written.ports = {{.host_address = "::1", .host_port = 80, .guest_port = 81}};
  state_written.wall = {{.name = "seccomp", .stands = true, .detail = "d"}};
  state_written.changes = {{.id = 1, .known = true, .changed = 3, .added = 2, .removed = 1}, {.id = 2}};
  state_written.shares = {{.id = 1, .pid = 77, .lost = ""}, {.id = 2, .pid = 0, .lost = "its server exited with 1"}};
  state_written.stages_us = {{"hello", 5}};
  state_written.network_bytes = 99;
  const base::Json json = to_json(state_written);
  EXPECT_EQ(to_json(state_from_json(json)), json);
  for (const auto& [key, value] : json.items()) {
    base::Json without = json;
    without.erase(key);
    if (key == "network_bytes") {
      EXPECT_EQ(state_from_json(without).network_bytes, 0U);  // of a sandbox that is older
      continue;
    }
    EXPECT_NE(error_of([&] { state_from_json(without); }), "no error") << key;
  }
  base::Json more = json;
  more["more"] = 1;
  EXPECT_NE(error_of([&] { state_from_json(more); }), "no error");
}

TEST_F(RecordTest, AnUnusableStateFolderIsAClearError) {
  const std::string file = state.folder / "file";
  base::write_file_atomic(file, "");
  const base::ScopedEnvironment data("XDG_DATA_HOME", file.c_str());
  const std::string error = error_of([] { NewSandbox made("kt-a"); });
  EXPECT_THAT(error, HasSubstr("XDG_DATA_HOME"));
}

TEST_F(RecordTest, TwoStateFoldersShareNoSocket) {
  make_sandbox(spec_of("kt-a", {"true"}));
  const std::string here = read_sandbox("kt-a").socket;
  const base::TempFolder other;
  const base::ScopedEnvironment data("XDG_DATA_HOME", other.path().c_str());
  make_sandbox(spec_of("kt-a", {"true"}));
  EXPECT_NE(read_sandbox("kt-a").socket, here);
}

}  // namespace
}  // namespace caisson::keeper
