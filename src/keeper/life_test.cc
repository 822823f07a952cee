// SPDX-License-Identifier: Apache-2.0

// One sandbox's life, seen by its clients, with a guest that is played by the test.

#include "keeper/life.h"

#include <gmock/gmock.h>

#include <csignal>

#include "base/file.h"
#include "keeper/testing/sandbox_for_test.h"

namespace caisson::keeper {
namespace {

using link::ExecFrame;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class LifeTest : public testing::Test {
 protected:
  static spec::SandboxSpec kept(std::vector<std::string> argv) {
    spec::SandboxSpec spec = spec_of("kt-web", std::move(argv));
    spec.remove_at_end = false;
    return spec;
  }
  static spec::SandboxSpec passing(std::vector<std::string> argv) { return spec_of("kt-web", std::move(argv)); }

  StateFolder state;
};

TEST_F(LifeTest, ACommandRunsAndItsSandboxGoesAway) {
  RunningKeeper keeper(passing({"echo", "hello"}));
  FrameConnection client = keeper.start().attach();
  EXPECT_EQ(client.expect(ExecFrame::kStarted), R"({"id":1,"pid":100})");
  EXPECT_EQ(client.expect(ExecFrame::kStdout), "hello");
  const KeeperExit exit = client.expect_exit();
  // The name is free as soon as the exit is known.
  EXPECT_THROW(read_sandbox("kt-web"), base::Error);
  EXPECT_EQ(exit.code, 0);
  EXPECT_THAT(exit.notes, IsEmpty());
  for (const char* stage : {"engine", "hello", "configured", "started", "ended", "gone"})
    EXPECT_TRUE(exit.stages_us.contains(stage)) << stage;
  client.close();
  keeper.join();
  EXPECT_THAT(names_in_state_folder(), IsEmpty());
  EXPECT_TRUE(keeper.guest.killed);
  EXPECT_EQ(keeper.guest.destroyed, 1);
}

TEST_F(LifeTest, AKeptSandboxIsStoppedAndCanBeStartedAtOnce) {
  RunningKeeper keeper(kept({"exit", "3"}));
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  EXPECT_EQ(client.expect_exit().code, 3);
  const Sandbox sandbox = read_sandbox("kt-web");
  EXPECT_EQ(sandbox.state.status, Status::kStopped);
  EXPECT_EQ(sandbox.state.exit_code, 3);
  EXPECT_EQ(sandbox.state.reason, "the command exited with 3");
  EXPECT_EQ(sandbox.state.keeper_pid, 0);
  EXPECT_FALSE(keeper.guest.killed) << "its disk was not unmounted";
  RunningKeeper again(claim_sandbox(sandbox), {.wait_for_attach = false}, {});
  again.start().first().request("GET", "/v1/ready");
  EXPECT_EQ(read_sandbox("kt-web").state.status, Status::kRunning);
}

TEST_F(LifeTest, TheMainCommandRunsOnlyOnce) {
  RunningKeeper keeper(kept({"exit", "3"}));
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  client.expect_exit();
  RunningKeeper again(claim_sandbox(read_sandbox("kt-web")), {.wait_for_attach = false}, {});
  again.start().first().request("GET", "/v1/ready");
  FrameConnection exec = again.exec({"echo", "still up"});
  exec.expect(ExecFrame::kStarted);
  EXPECT_EQ(exec.expect(ExecFrame::kStdout), "still up");
  EXPECT_EQ(exec.expect_exit().code, 0);
  EXPECT_EQ(again.in_loop([&] { return again.guest.requests.size(); }), 1U) << "only what exec asked for";
  try {
    again.another().upgrade("POST", "/v1/attach");
    FAIL() << "attached";
  } catch (const ApiError& error) {
    EXPECT_EQ(error.problem(), "its main command has run before");
  }
}

TEST_F(LifeTest, ARunningSandboxSaysWhatItIs) {
  spec::SandboxSpec spec = kept({"wait"});
  spec.ports = {{.host_address = "127.0.0.1", .host_port = 0, .guest_port = 7}};
  RunningKeeper keeper(spec, {.wait_for_attach = false});
  keeper.start().first().request("GET", "/v1/ready");
  const Sandbox sandbox = read_sandbox("kt-web");
  EXPECT_EQ(sandbox.state.status, Status::kRunning);
  EXPECT_EQ(sandbox.state.accelerator, "fake");
  EXPECT_EQ(sandbox.state.engine_pid, 4242);
  EXPECT_TRUE(sandbox.state.stages_us.contains("configured"));
  EXPECT_EQ(sandbox.image_digest, "sha256:0");
  ASSERT_EQ(sandbox.state.ports.size(), 1U);
  EXPECT_NE(sandbox.state.ports[0].host_port, 0);
  EXPECT_EQ(keeper.another().request("GET", "/v1/sandbox")["status"], "running");
  EXPECT_EQ(keeper.another().request("GET", "/v1/stats")["processes"], 5);
  EXPECT_THROW(claim_sandbox(sandbox), base::Error);
  EXPECT_THROW(remove_sandbox(sandbox), base::Error);
}

TEST_F(LifeTest, TheGuestIsToldWhoItIs) {
  spec::SandboxSpec spec = passing({"wait"});
  spec.pids = 64;
  spec.environment = {"A=1"};
  RunningKeeper keeper(spec, {.wait_for_attach = false});
  keeper.start().first().request("GET", "/v1/ready");
  const link::Configure told = keeper.in_loop([&] { return *keeper.guest.configured; });
  EXPECT_EQ(told.hostname, "kt-web");
  EXPECT_EQ(told.machine_id.size(), 32U);
  EXPECT_EQ(told.entropy.size(), 128U);
  EXPECT_EQ(told.pids_max, 64U);
  EXPECT_THAT(told.environment, ElementsAre("A=1"));
}

TEST_F(LifeTest, InputReachesTheCommand) {
  spec::SandboxSpec spec = passing({"cat"});
  spec.command.keep_stdin = true;
  RunningKeeper keeper(spec);
  FrameConnection client = keeper.start().attach();
  client.send(ExecFrame::kStdin, "over ");
  client.send(ExecFrame::kStdin, "there");
  client.send(ExecFrame::kStdinEnd, "");
  client.expect(ExecFrame::kStarted);
  EXPECT_EQ(client.expect(ExecFrame::kStdout), "over ");
  EXPECT_EQ(client.expect(ExecFrame::kStdout), "there");
  EXPECT_EQ(client.expect_exit().code, 0);
}

TEST_F(LifeTest, InputThatNobodyReadsDoesNotHideTheEnd) {
  RunningKeeper keeper(passing({"exit", "4"}));
  FrameConnection client = keeper.start().attach();
  for (int i = 0; i < 8; ++i) client.send(ExecFrame::kStdin, std::string(1000, 'x'));
  client.expect(ExecFrame::kStarted);
  EXPECT_EQ(client.expect_exit().code, 4);
}

TEST_F(LifeTest, ACommandThatIsNotThereIs127) {
  RunningKeeper keeper(passing({"nonsense"}));
  FrameConnection client = keeper.start().attach();
  const base::Json error = client.expect_error();
  EXPECT_EQ(error["exit_code"], 127);
  EXPECT_EQ(error["error"], "'nonsense' was not found\\n") << "what the guest says is made safe to print";
  client.close();
  keeper.join();
  EXPECT_THAT(names_in_state_folder(), IsEmpty());

  RunningKeeper detached(kept({"nonsense"}), {.wait_for_attach = false});
  try {
    detached.start().first().request("GET", "/v1/ready");
    FAIL() << "ready";
  } catch (const ApiError& failed) {
    EXPECT_EQ(failed.exit_code(), 127);
  }
  EXPECT_EQ(read_sandbox("kt-web").state.exit_code, 127);
}

TEST_F(LifeTest, LimitsThatWereHitAreNamed) {
  RunningKeeper keeper(passing({"hits-limits"}));
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  const KeeperExit exit = client.expect_exit();
  EXPECT_EQ(exit.code, 1);
  EXPECT_THAT(exit.notes,
              ElementsAre("memory ran out: the sandbox's kernel ended 1 process (the limit is 2 GiB, --memory)",
                          "the process limit of 4096 was hit 12 times (--pids)",
                          "the sandbox's disk is full (the limit is 16 GiB, --disk)"));
}

TEST_F(LifeTest, ASlowClientSlowsTheGuestAndNothingPilesUp) {
  constexpr uint64_t kTotal = 64U << 20;
  RunningKeeper keeper(passing({"flood", std::to_string(kTotal)}));
  // The loop runs in this thread, until nothing can go on because this client does not read.
  const std::string request =
      "POST /v1/attach HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: caisson-stream\r\n\r\n";
  base::write_all(keeper.first_fd(), {request.data(), request.size()}, "keeper");
  keeper.settle();
  EXPECT_GT(keeper.guest.flooded_bytes, 0U);
  EXPECT_LT(keeper.guest.flooded_bytes, 2U << 20);
  EXPECT_LT(keeper.life().buffered_bytes(), 1U << 20);

  Upgraded upgraded{keeper.take_first(), ""};
  keeper.start();
  // The answer's header first.
  std::string header;
  while (!header.ends_with("\r\n\r\n")) {
    char byte = 0;
    ASSERT_EQ(::read(upgraded.connection.get(), &byte, 1), 1);
    header.push_back(byte);
  }
  FrameConnection client(std::move(upgraded));
  client.expect(ExecFrame::kStarted);
  uint64_t received = 0;
  std::optional<Frame> frame;
  while ((frame = client.next()) && frame->type == ExecFrame::kStdout) received += frame->payload.size();
  EXPECT_EQ(received, kTotal);
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(frame->type, ExecFrame::kExit);
}

TEST_F(LifeTest, OutputIsKeptAndBounded) {
  RunningKeeper keeper(kept({"flood", std::to_string(40U << 20)}), {.wait_for_attach = false});
  FrameConnection client = keeper.start().attach();
  std::optional<Frame> frame;
  while ((frame = client.next()) && frame->type != ExecFrame::kExit) {
  }
  const std::string folder = read_sandbox("kt-web").folder;
  const auto kept_bytes =
      std::filesystem::file_size(folder + "/output.log") + std::filesystem::file_size(folder + "/output.log.1");
  EXPECT_LE(kept_bytes, 16U << 20);
  EXPECT_GE(kept_bytes, 8U << 20);
}

TEST_F(LifeTest, AGuestThatSendsGarbageIsEndedWithTheReason) {
  RunningKeeper keeper(passing({"garbage"}));
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  // The answer to the signal is lost with the link.
  EXPECT_THROW(keeper.another().request("POST", "/v1/exec/main/signal", base::Json{{"signal", SIGUSR1}}), ApiError);
  const base::Json error = client.expect_error();
  EXPECT_EQ(error["exit_code"], 125);
  EXPECT_THAT(error["error"].get<std::string>(), HasSubstr("the sandbox 'kt-web' ended: its guest broke the link: "));
  EXPECT_TRUE(keeper.in_loop([&] { return keeper.guest.killed; }));
}

TEST_F(LifeTest, MemoryThatRunsOutInTheKeeperEndsItWithTheReason) {
  RunningKeeper keeper(kept({"wait"}));
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  keeper.in_loop([&] { return keeper.guest.memory_runs_out = true; });
  EXPECT_THROW(keeper.another().request("GET", "/v1/stats"), ApiError);
  const base::Json error = client.expect_error();
  EXPECT_EQ(error["error"], "the sandbox 'kt-web' ended: its keeper failed: std::bad_alloc");
  EXPECT_EQ(error["exit_code"], 125);
  const Sandbox sandbox = read_sandbox("kt-web");
  EXPECT_EQ(sandbox.state.status, Status::kStopped);
  EXPECT_EQ(sandbox.state.reason, error["error"].get<std::string>());
}

TEST_F(LifeTest, AFrameThatTheGuestMustNotSendEndsIt) {
  RunningKeeper keeper(kept({"wrong-frame"}));
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  EXPECT_THAT(client.expect_error()["error"].get<std::string>(), HasSubstr("its guest broke the protocol"));
  const Sandbox sandbox = read_sandbox("kt-web");
  EXPECT_EQ(sandbox.state.exit_code, 125);
  EXPECT_THAT(sandbox.state.reason, HasSubstr("broke the protocol"));
}

TEST_F(LifeTest, TheEndOfTheMachineIsAnErrorAndNoHang) {
  RunningKeeper keeper(passing({"wait"}));
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  FrameConnection beside = keeper.exec({"wait"});
  beside.expect(ExecFrame::kStarted);
  keeper.in_loop([&] {
    keeper.guest.die("QEMU was ended by signal 9 (Killed)");
    return 0;
  });
  EXPECT_EQ(client.expect_error(),
            (base::Json{{"error", "the sandbox 'kt-web' ended: QEMU was ended by signal 9 (Killed)"},
                        {"hint", ""},
                        {"exit_code", 125}}));
  EXPECT_EQ(beside.expect_error()["exit_code"], 125);
}

TEST_F(LifeTest, AMachineThatPowersItselfOffSaysSo) {
  RunningKeeper keeper(kept({"power-off"}));
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  EXPECT_THAT(client.expect_error()["error"].get<std::string>(), HasSubstr("the machine powered off"));
}

TEST_F(LifeTest, StopEndsTheCommandInOrder) {
  RunningKeeper keeper(kept({"wait"}));
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  keeper.another().request("POST", "/v1/stop", base::Json{{"timeout_seconds", 30}});
  const Sandbox sandbox = read_sandbox("kt-web");
  EXPECT_EQ(sandbox.state.status, Status::kStopped);
  EXPECT_EQ(sandbox.state.reason, "the sandbox was stopped: by request");
  const KeeperExit exit = client.expect_exit();
  EXPECT_EQ(exit.code, 128 + SIGTERM);
  EXPECT_THAT(exit.notes, ElementsAre("the sandbox was stopped: by request"));
  EXPECT_FALSE(keeper.in_loop([&] { return keeper.guest.killed; }));
}

TEST_F(LifeTest, StopKillsWhatDoesNotObey) {
  FakeGuest guest;
  guest.obeys_power_off = false;
  RunningKeeper keeper(kept({"stubborn"}), {}, guest);
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  keeper.another().request("POST", "/v1/stop", base::Json{{"timeout_seconds", 0}});
  EXPECT_EQ(client.expect_exit().code, 128 + SIGKILL);
  EXPECT_TRUE(keeper.in_loop([&] { return keeper.guest.killed; }));
}

TEST_F(LifeTest, AWeakerWallIsToldToTheFirstClient) {
  FakeGuest guest;
  guest.wall = {{.name = "user namespace", .stands = false, .detail = "the host does not allow it"},
                {.name = "mount namespace", .stands = false, .detail = "the host does not allow it"}};
  RunningKeeper keeper(kept({"wait"}), {}, guest);
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  EXPECT_EQ(client.expect(ExecFrame::kStderr),
            "caisson: the wall around this sandbox's machine is weaker here, it has no user namespace of its own: the "
            "host does not allow it (`caisson doctor` says how to get it)\n");
  keeper.another().request("POST", "/v1/stop", base::Json{{"timeout_seconds", 0}});
  client.expect_exit();
}

TEST_F(LifeTest, TheGuestHearsHowLongAStopMayTake) {
  RunningKeeper keeper(kept({"wait"}));
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  keeper.another().request("POST", "/v1/stop", base::Json{{"timeout_seconds", 1800}});
  client.expect_exit();
  // A busy machine may need some of it until it is asked.
  const std::chrono::seconds heard = keeper.in_loop([&] { return keeper.guest.until_kill.value(); });
  EXPECT_THAT(heard.count(), testing::AllOf(testing::Gt(1700), testing::Le(1800)));
}

TEST_F(LifeTest, AStopDoesNotWaitForASlowClient) {
  RunningKeeper keeper(kept({"flood", std::to_string(64U << 20)}));
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  keeper.another().request("POST", "/v1/stop", base::Json{{"timeout_seconds", 0}});
  EXPECT_EQ(read_sandbox("kt-web").state.status, Status::kStopped);
  std::optional<Frame> frame;
  while ((frame = client.next()) && frame->type == ExecFrame::kStdout) {
  }
  ASSERT_TRUE(frame.has_value()) << "no last frame behind whole frames of output";
  EXPECT_EQ(frame->type, ExecFrame::kExit);
}

TEST_F(LifeTest, TheTimeLimitEndsACommandThatTakesAHint) {
  spec::SandboxSpec spec = passing({"wait"});
  spec.timeout = std::chrono::seconds(1);
  RunningKeeper keeper(spec);
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  const KeeperExit exit = client.expect_exit();
  EXPECT_EQ(exit.code, 124);
  EXPECT_EQ(exit.signal, SIGTERM);
  EXPECT_THAT(exit.notes, ElementsAre("the time limit of 1 s was reached (--timeout)"));
}

TEST_F(LifeTest, TheTimeLimitEndsACommandThatTakesNone) {
  spec::SandboxSpec spec = passing({"stubborn"});
  spec.timeout = std::chrono::seconds(1);
  RunningKeeper keeper(spec);
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  const KeeperExit exit = client.expect_exit();
  EXPECT_EQ(exit.code, 124);
  EXPECT_EQ(exit.signal, SIGKILL);
}

TEST_F(LifeTest, TheTimeLimitEndsAGuestThatDoesNotAnswer) {
  spec::SandboxSpec spec = passing({"wait"});
  spec.timeout = std::chrono::seconds(1);
  FakeGuest deaf;
  deaf.answers_signals = false;
  RunningKeeper keeper(spec, {}, deaf);
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  EXPECT_EQ(client.expect_exit().code, 124);
}

TEST_F(LifeTest, AClientThatDisappearsTakesAPassingSandboxWithIt) {
  RunningKeeper keeper(passing({"wait"}), {.end_with_client = true});
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  client.close();
  keeper.join();
  EXPECT_THAT(names_in_state_folder(), IsEmpty());
}

TEST_F(LifeTest, AClientThatDisappearsBeforeItAttachedDoesToo) {
  RunningKeeper keeper(passing({"wait"}), {.end_with_client = true});
  keeper.drop_first();
  keeper.start().join();
  EXPECT_THAT(names_in_state_folder(), IsEmpty());
}

TEST_F(LifeTest, AClientThatDisappearsIsNoticedWhileItsInputIsNotRead) {
  RunningKeeper keeper(passing({"wait"}), {.end_with_client = true});
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  for (int i = 0; i < 5; ++i) client.send(ExecFrame::kStdin, std::string(60000, 'x'));
  client.close();
  keeper.join();
  EXPECT_THAT(names_in_state_folder(), IsEmpty());
}

TEST_F(LifeTest, ADetachedSandboxGoesOnAndCanBeAttachedAgain) {
  RunningKeeper keeper(passing({"wait"}), {.end_with_client = true});
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  keeper.another().request("POST", "/v1/detach");
  EXPECT_FALSE(client.next().has_value());
  client.close();
  FrameConnection again(keeper.another().upgrade("POST", "/v1/attach"));
  again.expect(ExecFrame::kStarted);
  keeper.another().request("POST", "/v1/exec/main/signal", base::Json{{"signal", SIGTERM}});
  EXPECT_EQ(again.expect_exit().code, 128 + SIGTERM);
}

TEST_F(LifeTest, ASandboxThatIsNotItsClientsGoesOnWithoutIt) {
  RunningKeeper keeper(kept({"wait"}));
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  client.close();
  EXPECT_EQ(keeper.another().request("GET", "/v1/sandbox")["status"], "running");
  keeper.another().request("POST", "/v1/stop");
  EXPECT_EQ(read_sandbox("kt-web").state.exit_code, 128 + SIGTERM);
}

TEST_F(LifeTest, AKeptSandboxCanEndWithItsClientToo) {
  RunningKeeper keeper(kept({"wait"}), {.end_with_client = true});
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  client.close();
  keeper.join();
  EXPECT_EQ(read_sandbox("kt-web").state.status, Status::kStopped);
}

TEST_F(LifeTest, OneClientIsAttachedAtATime) {
  RunningKeeper keeper(passing({"wait"}));
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  try {
    keeper.another().upgrade("POST", "/v1/attach");
    FAIL() << "attached twice";
  } catch (const ApiError& error) {
    EXPECT_EQ(error.http_status(), 409);
  }
}

TEST_F(LifeTest, SignalsAndSizesGoToTheGuest) {
  RunningKeeper keeper(passing({"wait"}));
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  Client api = keeper.another();
  api.request("POST", "/v1/exec/main/resize", base::Json{{"rows", 50}, {"columns", 132}});
  EXPECT_EQ(keeper.in_loop([&] { return keeper.guest.size->columns; }), 132);
  api.request("POST", "/v1/exec/1/signal", base::Json{{"signal", SIGUSR1}});
  EXPECT_THAT(keeper.in_loop([&] { return keeper.guest.signals; }), ElementsAre(std::pair<uint64_t, int>(1, SIGUSR1)));
}

TEST_F(LifeTest, ASandboxWithoutACommandRunsUntilItIsStopped) {
  RunningKeeper keeper(kept({}), {.wait_for_attach = false});
  keeper.start().first().request("GET", "/v1/ready");
  EXPECT_THROW(keeper.another().upgrade("POST", "/v1/attach"), ApiError);
  FrameConnection exec = keeper.exec({"echo", "here"});
  exec.expect(ExecFrame::kStarted);
  EXPECT_EQ(exec.expect(ExecFrame::kStdout), "here");
  EXPECT_EQ(exec.expect_exit().code, 0);
  keeper.another().request("POST", "/v1/stop");
  EXPECT_EQ(read_sandbox("kt-web").state.reason, "the sandbox was stopped: by request");
}

TEST_F(LifeTest, SigtermToTheKeeperIsAStop) {
  RunningKeeper keeper(kept({"wait"}));
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  keeper.in_loop([&] {
    keeper.life().request_stop(std::chrono::seconds(10), "its keeper was told to end");
    return 0;
  });
  EXPECT_EQ(client.expect_exit().code, 128 + SIGTERM);
  client.close();
  keeper.join();
}

TEST_F(LifeTest, TheLedgerHasItAll) {
  RunningKeeper keeper(kept({"exit", "3"}));
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  client.expect_exit();
  const std::string ledger = base::read_file(read_sandbox("kt-web").folder + "/ledger.jsonl");
  std::vector<std::string> events;
  for (const std::string& line : base::split(base::trimmed(ledger), '\n'))
    events.push_back(base::parse_json_object(line, "ledger")["event"]);
  EXPECT_THAT(events, ElementsAre("start", "exec", "stop"));
}

}  // namespace
}  // namespace caisson::keeper
