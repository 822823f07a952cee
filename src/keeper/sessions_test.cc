// SPDX-License-Identifier: Apache-2.0

// What happens beside the main command: exec, copies, published ports.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>

#include <csignal>

#include "keeper/testing/sandbox_for_test.h"

namespace caisson::keeper {
namespace {

using link::ExecFrame;
using testing::ElementsAre;
using testing::HasSubstr;

class SessionsTest : public testing::Test {
 protected:
  static spec::SandboxSpec idle(std::vector<spec::PortPublish> ports = {}) {
    spec::SandboxSpec spec = spec_of("kt-idle", {});
    spec.remove_at_end = false;
    spec.ports = std::move(ports);
    return spec;
  }
  static void bring_up(RunningKeeper& keeper) { keeper.start().first().request("GET", "/v1/ready"); }

  StateFolder state;
};

const KeeperOptions kDetached{.wait_for_attach = false};

TEST_F(SessionsTest, ExecPassesInputOutputAndResult) {
  RunningKeeper keeper(idle(), kDetached);
  bring_up(keeper);
  FrameConnection exec = keeper.exec({"cat"});
  exec.expect(ExecFrame::kStarted);
  exec.send(ExecFrame::kStdin, "to and fro");
  EXPECT_EQ(exec.expect(ExecFrame::kStdout), "to and fro");
  exec.send(ExecFrame::kStdinEnd, "");
  const KeeperExit exit = exec.expect_exit();
  EXPECT_EQ(exit.code, 0);
  EXPECT_FALSE(exec.next().has_value());
  const auto missing = keeper.exec({"nonsense"}).expect_error();
  EXPECT_EQ(missing["exit_code"], 127);
}

TEST_F(SessionsTest, EachCommandIsToldTheLimitsThatItHit) {
  RunningKeeper keeper(idle(), kDetached);
  bring_up(keeper);
  FrameConnection first = keeper.exec({"hits-limits"});
  first.expect(ExecFrame::kStarted);
  EXPECT_EQ(first.expect_exit().notes.size(), 3U);
  FrameConnection second = keeper.exec({"hits-limits"});
  second.expect(ExecFrame::kStarted);
  EXPECT_EQ(second.expect_exit().notes.size(), 3U);
}

TEST_F(SessionsTest, ManyCommandsDoNotLockTheOwnerOut) {
  RunningKeeper keeper(idle(), kDetached);
  bring_up(keeper);
  std::vector<FrameConnection> running;
  for (int i = 0; i < 80; ++i) {
    running.push_back(keeper.exec({"stubborn"}));
    running.back().expect(ExecFrame::kStarted);
  }
  EXPECT_EQ(keeper.another().request("GET", "/v1/sandbox")["status"], "running");
}

TEST_F(SessionsTest, AnExecWhoseClientHasGoneIsResetInTheGuest) {
  RunningKeeper keeper(idle(), kDetached);
  bring_up(keeper);
  FrameConnection exec = keeper.exec({"flood", std::to_string(1ULL << 40)});
  exec.expect(ExecFrame::kStarted);
  exec.close();
  FrameConnection blocked = keeper.exec({"stubborn"});
  blocked.expect(ExecFrame::kStarted);
  for (int i = 0; i < 5; ++i) blocked.send(ExecFrame::kStdin, std::string(60000, 'x'));
  blocked.close();
  // Each turn of the loop in between is a request: no time passes that is not needed.
  while (keeper.in_loop([&] { return keeper.guest.resets; }) == 0) keeper.another().request("GET", "/v1/sandbox");
  EXPECT_EQ(keeper.another().request("GET", "/v1/sandbox")["status"], "running");
}

TEST_F(SessionsTest, AnExecWhoseClientWasLetGoGoesOnToItsEnd) {
  constexpr uint64_t kBytes = 64U << 20;
  RunningKeeper keeper(idle(), kDetached);
  bring_up(keeper);
  FrameConnection exec = keeper.exec({"flood", std::to_string(kBytes)});
  const base::Json started = base::parse_json_object(exec.expect(ExecFrame::kStarted), "started");
  keeper.another().request("POST", "/v1/exec/" + std::to_string(started["id"].get<int>()) + "/detach");
  exec.read_to_end();  // the keeper closes it
  exec.close();
  FrameConnection waits = keeper.exec({"cat"});
  const base::Json id = base::parse_json_object(waits.expect(ExecFrame::kStarted), "started")["id"];
  keeper.another().request("POST", "/v1/exec/" + std::to_string(id.get<int>()) + "/detach");
  waits.close();
  while (keeper.in_loop([&] { return keeper.guest.flooded_bytes; }) < kBytes)
    keeper.another().request("GET", "/v1/sandbox");
  EXPECT_EQ(keeper.in_loop([&] { return keeper.guest.resets; }), 0);
  EXPECT_THROW(keeper.another().request("POST", "/v1/exec/77/detach"), ApiError);
}

TEST_F(SessionsTest, AClientThatLeavesBeforeTheGuestHasAnsweredIsMissedByNobody) {
  FakeGuest guest;
  guest.answers_commands = false;
  KeeperOptions hasty = kDetached;
  hasty.patience.start = std::chrono::milliseconds(300);
  RunningKeeper keeper(idle(), hasty, guest);
  bring_up(keeper);
  keeper.exec({"cat"}).close();
  // When this one is given up, the one before has been.
  FrameConnection stays = keeper.exec({"cat"});
  EXPECT_THAT(stays.expect_error()["error"].get<std::string>(), HasSubstr("does not answer"));
  EXPECT_EQ(keeper.another().request("GET", "/v1/sandbox")["status"], "running");
}

TEST_F(SessionsTest, AnExecThatTheGuestBreaksOffIsAnError) {
  RunningKeeper keeper(idle(), kDetached);
  bring_up(keeper);
  FrameConnection exec = keeper.exec({"break-off"});
  exec.expect(ExecFrame::kStarted);
  EXPECT_EQ(exec.expect_error()["error"], "the guest broke the command off");
  EXPECT_EQ(keeper.another().request("GET", "/v1/sandbox")["status"], "running");
}

TEST_F(SessionsTest, AGuestThatBreaksTheRulesInAnExecEndsItsSandbox) {
  RunningKeeper keeper(idle(), kDetached);
  bring_up(keeper);
  FrameConnection exec = keeper.exec({"wrong-frame"});
  exec.expect(ExecFrame::kStarted);
  EXPECT_THAT(exec.expect_error()["error"].get<std::string>(), HasSubstr("its guest broke the protocol"));
  EXPECT_THAT(read_sandbox("kt-idle").state.reason, HasSubstr("its guest broke the protocol"));
}

TEST_F(SessionsTest, AnInitThatHangsIsAnErrorAndItsSandboxIsStopped) {
  constexpr std::chrono::milliseconds kAtOnce{1};
  FakeGuest hung;
  hung.hangs = true;
  const KeeperOptions options{.wait_for_attach = false, .patience = {.control = kAtOnce, .start = kAtOnce}};
  RunningKeeper keeper(idle(), options, std::move(hung));
  bring_up(keeper);
  const base::Json exec = keeper.exec({"cat"}).expect_error();
  EXPECT_EQ(exec["error"], "cannot start 'cat': the sandbox's init does not answer");
  EXPECT_EQ(exec["hint"], "`caisson stop` and `caisson rm -f` work all the same");
  EXPECT_EQ(exec["exit_code"], 125);
  const auto error_of = [](std::function<void()> call) -> std::string {
    try {
      call();
    } catch (const ApiError& error) {
      return error.problem();
    }
    return "";
  };
  link::CopyRequest copy;
  copy.path = "/a";
  EXPECT_EQ(error_of([&] { keeper.another().upgrade("POST", "/v1/copy", to_json(copy)); }),
            "cannot copy '/a': the sandbox's init does not answer");
  EXPECT_EQ(error_of([&] { keeper.another().request("GET", "/v1/stats"); }),
            "cannot ask the sandbox for its numbers: the sandbox's init does not answer");
  EXPECT_EQ(keeper.another().request("GET", "/v1/sandbox")["status"], "running");
  keeper.another().request("POST", "/v1/stop", base::Json{{"timeout_seconds", 0}});
  EXPECT_EQ(read_sandbox("kt-idle").state.status, Status::kStopped);
}

TEST_F(SessionsTest, AStopEndsExecsWith137) {
  RunningKeeper keeper(idle(), kDetached);
  bring_up(keeper);
  FrameConnection exec = keeper.exec({"stubborn"});
  exec.expect(ExecFrame::kStarted);
  keeper.another().request("POST", "/v1/stop", base::Json{{"timeout_seconds", 0}});
  const KeeperExit exit = exec.expect_exit();
  EXPECT_EQ(exit.code, 128 + SIGKILL);
  EXPECT_THAT(exit.notes, ElementsAre("the sandbox has ended: the sandbox was stopped: by request"));
}

FrameConnection copy(RunningKeeper& keeper, bool put, const std::string& path) {
  link::CopyRequest request;
  request.put = put;
  request.path = path;
  return FrameConnection(keeper.another().upgrade("POST", "/v1/copy", to_json(request)));
}

TEST_F(SessionsTest, CopiesGoBothWays) {
  RunningKeeper keeper(idle(), kDetached);
  bring_up(keeper);
  FrameConnection in = copy(keeper, true, "/a");
  in.send_raw(std::string(3'000'000, 't'));
  in.shutdown_write();
  EXPECT_EQ(in.read_to_end(), "{\"ok\":true}\n");
  EXPECT_EQ(keeper.in_loop([&] { return keeper.guest.copied_bytes; }), 3'000'000U);
  FrameConnection full = copy(keeper, true, "/full");
  full.shutdown_write();
  EXPECT_EQ(full.read_to_end(), "{\"error\":\"cannot unpack in the sandbox: no space left\\\\x1b\",\"hint\":\"\"}\n");
  FrameConnection out = copy(keeper, false, "/b");
  EXPECT_EQ(out.read_to_end(), "archive of /b");
}

TEST_F(SessionsTest, ACopyThatTheGuestDoesNotGoOnWithEnds) {
  const KeeperOptions options{.wait_for_attach = false, .patience = {.copy = std::chrono::milliseconds(1)}};
  RunningKeeper keeper(idle(), options);
  bring_up(keeper);
  const std::string late =
      "{\"error\":\"cannot go on copying into the sandbox: the sandbox's init does not answer\","
      "\"hint\":\"`caisson stop` and `caisson rm -f` work all the same\"}\n";
  // More than the link's windows and the sockets take: the guest is to take bytes and does not.
  FrameConnection in_the_middle = copy(keeper, true, "/stands-still");
  std::thread sender([&] { in_the_middle.send_until_refused(std::string(65536, 't')); });
  EXPECT_EQ(in_the_middle.read_to_end(), late);
  sender.join();
  // All is sent: the verdict does not come.
  FrameConnection at_the_end = copy(keeper, true, "/stands-still");
  at_the_end.shutdown_write();
  EXPECT_EQ(at_the_end.read_to_end(), late);
  // Which has begun, or not even that.
  FrameConnection out = copy(keeper, false, "/stands-still");
  EXPECT_TRUE(std::string("archive of /stands-still").starts_with(out.read_to_end()));
  EXPECT_EQ(keeper.another().request("GET", "/v1/sandbox")["status"], "running");
}

TEST_F(SessionsTest, ACopyWhoseClientTakesItsTimeGoesOn) {
  const KeeperOptions options{.wait_for_attach = false, .patience = {.copy = std::chrono::milliseconds(1)}};
  RunningKeeper keeper(idle(), options);
  bring_up(keeper);
  FrameConnection in = copy(keeper, true, "/a");
  in.send_raw("half");
  while (keeper.in_loop([&] { return keeper.guest.copied_bytes; }) == 0) keeper.another().request("GET", "/v1/sandbox");
  keeper.pass(std::chrono::milliseconds(5));
  EXPECT_EQ(keeper.another().request("GET", "/v1/sandbox")["status"], "running");
  EXPECT_FALSE(in.has_bytes()) << "the keeper gave the copy up";
}

// --- published ports

base::Fd connect_to(const std::string& address, uint16_t port) {
  sockaddr_in v4{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {}, .sin_zero = {}};
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  const bool is_v4 = ::inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1;
  if (!is_v4) ::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr);
  base::Fd socket(::socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto* where = is_v4 ? reinterpret_cast<const sockaddr*>(&v4) : reinterpret_cast<const sockaddr*>(&v6);
  if (::connect(socket.get(), where, is_v4 ? sizeof v4 : sizeof v6) != 0)
    throw base::system_error("cannot connect to", address);
  return socket;
}

std::string talk(const base::Fd& socket, const std::string& text) {
  base::write_all(socket.get(), {text.data(), text.size()}, "port");
  ::shutdown(socket.get(), SHUT_WR);
  return base::read_all(socket.get(), 16U << 20, "port");
}

uint16_t port_of(const std::string& name) {
  return read_sandbox(name).state.ports.at(0).host_port;
}

TEST_F(SessionsTest, APublishedPortPassesBytesAndHalfClose) {
  for (const std::string address : {"127.0.0.1", "::1"}) {
    RunningKeeper keeper(idle({{.host_address = address, .host_port = 0, .guest_port = 7}}), kDetached);
    bring_up(keeper);
    const uint16_t port = port_of("kt-idle");
    EXPECT_EQ(talk(connect_to(address, port), "over"), "got over");
    const std::string much(5'000'000, 'm');
    EXPECT_EQ(talk(connect_to(address, port), much), "got " + much);
    keeper.another().request("POST", "/v1/stop");
    remove_sandbox(read_sandbox("kt-idle"));
  }
}

TEST_F(SessionsTest, ManyConnectionsAtOnce) {
  RunningKeeper keeper(idle({{.host_address = "127.0.0.1", .host_port = 0, .guest_port = 7}}), kDetached);
  bring_up(keeper);
  const uint16_t port = port_of("kt-idle");
  std::vector<base::Fd> sockets;
  for (int i = 0; i < 200; ++i) sockets.push_back(connect_to("127.0.0.1", port));
  for (size_t i = sockets.size(); i-- > 0;) EXPECT_EQ(talk(sockets[i], std::to_string(i)), "got " + std::to_string(i));
}

TEST_F(SessionsTest, AConnectionThatTheGuestRefusesIsReset) {
  RunningKeeper keeper(idle({{.host_address = "127.0.0.1", .host_port = 0, .guest_port = 9}}), kDetached);
  bring_up(keeper);
  const base::Fd socket = connect_to("127.0.0.1", port_of("kt-idle"));
  char byte = 0;
  EXPECT_EQ(::read(socket.get(), &byte, 1), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(SessionsTest, APortInUseIsNamed) {
  RunningKeeper first(idle({{.host_address = "127.0.0.1", .host_port = 0, .guest_port = 7}}), kDetached);
  bring_up(first);
  const uint16_t port = port_of("kt-idle");
  spec::SandboxSpec spec = spec_of("kt-second", {"wait"});
  spec.ports = {{.host_address = "127.0.0.1", .host_port = port, .guest_port = 80}};
  RunningKeeper second(spec);
  FrameConnection client = second.start().attach();
  const base::Json error = client.expect_error();
  EXPECT_EQ(error["error"], "cannot start 'kt-second': cannot publish port 80 at '127.0.0.1:" + std::to_string(port) +
                                "': Address already in use");
  EXPECT_EQ(error["hint"], "the sandbox 'kt-idle' listens there; choose another host port: -p HOST:GUEST");
  EXPECT_EQ(second.in_loop([&] { return second.guest.starts; }), 0);
}

}  // namespace
}  // namespace caisson::keeper
