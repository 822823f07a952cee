// SPDX-License-Identifier: Apache-2.0

// Starts that fail: what is told, and what is left.

#include <gmock/gmock.h>

#include "base/file.h"
#include "keeper/testing/sandbox_for_test.h"

namespace caisson::keeper {
namespace {

using link::ExecFrame;
using testing::HasSubstr;
using testing::IsEmpty;

class LifeStartTest : public testing::Test {
 protected:
  static spec::SandboxSpec kept(std::vector<std::string> argv) {
    spec::SandboxSpec spec = spec_of("kt-web", std::move(argv));
    spec.remove_at_end = false;
    return spec;
  }

  StateFolder state;
};

TEST_F(LifeStartTest, AStartThatFailsIsToldToWhoAttached) {
  FakeGuest guest;
  guest.start_error = "the fake does not start";
  RunningKeeper keeper(spec_of("kt-web", {"wait"}), {}, guest);
  FrameConnection client = keeper.start().attach();
  EXPECT_EQ(client.expect_error(), (base::Json{{"error", "cannot start 'kt-web': the fake does not start"},
                                               {"hint", "mend the fake"},
                                               {"exit_code", 125}}));
  client.close();
  keeper.join();
  EXPECT_THAT(names_in_state_folder(), IsEmpty());
}

TEST_F(LifeStartTest, AGuestThatNeverComesUpIsGivenUp) {
  FakeGuest guest;
  guest.answers_hello = false;
  RunningKeeper keeper(kept({"wait"}), {.wait_for_attach = false, .start_limit = std::chrono::seconds(1)}, guest);
  base::write_file_atomic(read_sandbox("kt-web").folder + "/console.log", "booting\nno disk\x1b\n");
  try {
    keeper.start().first().request("GET", "/v1/ready");
    FAIL() << "ready";
  } catch (const ApiError& error) {
    EXPECT_EQ(error.exit_code(), 125);
    EXPECT_EQ(error.problem(), "cannot start 'kt-web': the guest did not come up within 1 s");
    EXPECT_EQ(error.hint(), "the last line of its console: 'no disk\\x1b'");
  }
  // Nothing of the user's was in it, and its name is free.
  EXPECT_THROW(read_sandbox("kt-web"), base::Error);
}

TEST_F(LifeStartTest, OneThatIsEndedBeforeItsCommandBeganHasNotStarted) {
  spec::SandboxSpec spec = kept({"wait"});
  spec.timeout = std::chrono::seconds(1);
  RunningKeeper keeper(spec, {.wait_for_attach = true});
  try {
    keeper.start().first().request("GET", "/v1/ready");
    FAIL() << "ready";
  } catch (const ApiError& error) {
    EXPECT_EQ(error.exit_code(), kExitTimedOut);
    EXPECT_EQ(error.problem(), "the sandbox 'kt-web' did not start: the time limit of 1 s was reached (--timeout)");
  }
}

TEST_F(LifeStartTest, WhatComesBeforeItsCommandIsExecutedWhileItWaits) {
  RunningKeeper keeper(kept({"cat"}), {.wait_for_attach = true, .end_with_client = true});
  Client first = keeper.start().first();
  first.request("GET", "/v1/configured");
  FrameConnection setup = keeper.exec({"cat"});
  setup.expect(ExecFrame::kStarted);
  setup.send(ExecFrame::kStdinEnd, "");
  EXPECT_EQ(setup.expect_exit().code, 0);
  EXPECT_FALSE(keeper.another().request("GET", "/v1/sandbox")["stages_us"].contains("started"));
  FrameConnection main(std::move(first).upgrade("POST", "/v1/attach"));
  main.expect(ExecFrame::kStarted);
  EXPECT_TRUE(keeper.another().request("GET", "/v1/sandbox")["stages_us"].contains("started"));
}

TEST_F(LifeStartTest, AStopBeforeItsCommandEndsInOrderWhatRunsAlready) {
  RunningKeeper keeper(kept({"cat"}), {.wait_for_attach = true, .end_with_client = true});
  Client first = keeper.start().first();
  first.request("GET", "/v1/configured");
  FrameConnection setup = keeper.exec({"wait"});
  setup.expect(ExecFrame::kStarted);
  keeper.another().request("POST", "/v1/stop", base::Json{{"timeout_seconds", 1800}});
  EXPECT_EQ(setup.expect_exit().code, 128 + SIGTERM);
  keeper.join();
  EXPECT_EQ(read_sandbox("kt-web").state.reason, "the sandbox was stopped: by request");
}

TEST_F(LifeStartTest, AGuestThatDoesNotAnswerAStartIsNotWaitedForBeyondAStopsTime) {
  FakeGuest guest;
  guest.answers_commands = false;
  RunningKeeper keeper(kept({"wait"}), {.wait_for_attach = false}, guest);
  Client first = keeper.start().first();
  first.request("GET", "/v1/configured");
  keeper.another().request("POST", "/v1/stop", base::Json{{"timeout_seconds", 1}});
  keeper.join();
  EXPECT_TRUE(keeper.guest.killed);
}

TEST_F(LifeStartTest, AClientMaySetUpAndLeave) {
  RunningKeeper keeper(kept({"wait"}), {.wait_for_attach = true, .end_with_client = true});
  Client first = keeper.start().first();
  first.request("GET", "/v1/configured");
  first.request("POST", "/v1/detach");
  { const Client gone = std::move(first); }
  keeper.another().request("GET", "/v1/ready");
  EXPECT_EQ(keeper.another().request("GET", "/v1/sandbox")["status"], "running");
}

TEST_F(LifeStartTest, TheTimeLimitIsForWhatComesBeforeItsCommandToo) {
  spec::SandboxSpec spec = kept({"wait"});
  spec.timeout = std::chrono::seconds(1);
  RunningKeeper keeper(spec, {.wait_for_attach = true, .end_with_client = true});
  Client first = keeper.start().first();
  first.request("GET", "/v1/configured");
  FrameConnection setup = keeper.exec({"wait"});
  setup.expect(ExecFrame::kStarted);
  const KeeperExit exit = setup.expect_exit();
  EXPECT_EQ(exit.code, kExitTimedOut);
  EXPECT_THAT(exit.notes, testing::ElementsAre("the time limit of 1 s was reached (--timeout)"));
}

TEST_F(LifeStartTest, APortThatIsTakenLeavesNoSandboxAndTheNameFree) {
  spec::SandboxSpec spec = kept({"wait"});
  spec.ports = {{.host_address = "127.0.0.1", .host_port = 0, .guest_port = 7}};
  RunningKeeper owner(spec, {.wait_for_attach = false});
  owner.start().first().request("GET", "/v1/ready");
  const std::vector<spec::PortPublish> taken = read_sandbox("kt-web").state.ports;

  spec.name = "kt-second";
  spec.ports = taken;
  RunningKeeper keeper(spec, {.wait_for_attach = false});
  try {
    keeper.start().first().request("GET", "/v1/ready");
    FAIL() << "ready";
  } catch (const ApiError& error) {
    EXPECT_EQ(error.problem(), "cannot start 'kt-second': cannot publish port 7 at '127.0.0.1:" +
                                   std::to_string(taken[0].host_port) + "': Address already in use");
    EXPECT_EQ(error.hint(), "the sandbox 'kt-web' listens there; choose another host port: -p HOST:GUEST");
  }
  EXPECT_THROW(read_sandbox("kt-second"), base::Error);
  spec.ports[0].host_port = 0;
  RunningKeeper again(spec, {.wait_for_attach = false});
  again.start().first().request("GET", "/v1/ready");
}

TEST_F(LifeStartTest, ASandboxThatHasRunStaysWhenItsPortIsTaken) {
  spec::SandboxSpec spec = kept({"wait"});
  spec.ports = {{.host_address = "127.0.0.1", .host_port = 0, .guest_port = 7}};
  RunningKeeper owner(spec, {.wait_for_attach = false});
  owner.start().first().request("GET", "/v1/ready");
  spec.name = "kt-old";
  spec.ports = read_sandbox("kt-web").state.ports;
  Claim claim = make_sandbox(spec);
  State before = read_sandbox("kt-old").state;
  before.status = Status::kStopped;
  before.started = now();
  write_state(claim.folder, before);
  RunningKeeper keeper(std::move(claim), {.wait_for_attach = false}, {});
  try {
    keeper.start().first().request("GET", "/v1/ready");
    FAIL() << "ready";
  } catch (const ApiError& error) {
    EXPECT_THAT(error.hint(), HasSubstr("end what listens there first"));
  }
  EXPECT_EQ(read_sandbox("kt-old").state.status, Status::kStopped);
}

TEST_F(LifeStartTest, AMachineThatDiesWhileItStartsIsTheReason) {
  FakeGuest guest;
  guest.answers_hello = false;
  RunningKeeper keeper(kept({"wait"}), {.wait_for_attach = false}, guest);
  keeper.settle();
  keeper.guest.die("QEMU exited with 1: no such device");
  try {
    keeper.start().first().request("GET", "/v1/ready");
    FAIL() << "ready";
  } catch (const ApiError& error) {
    EXPECT_EQ(error.problem(), "cannot start 'kt-web': QEMU exited with 1: no such device");
  }
}

}  // namespace
}  // namespace caisson::keeper
