// SPDX-License-Identifier: Apache-2.0

#include "cli/stream.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>
#include <thread>

#include "base/fd.h"
#include "link/message.h"

namespace caisson::cli {
namespace {

using link::ExecFrame;
using Kind = StreamEnd::Kind;

// What the loop asks the keeper for besides the stream; a test reacts in the callbacks, which run in the loop.
class FakeControl final : public CommandControl {
 public:
  void started(const link::ExecStarted& command) override {
    id = command.id;
    if (on_started) on_started();
  }
  void signal(int number) override {
    signals.push_back(number);
    if (on_signal) on_signal(number);
  }
  void resize(TerminalSize size) override {
    sizes.push_back(size);
    if (on_resize) on_resize();
  }

  void answer(uint64_t question, const std::string& answer) override {
    answers.emplace_back(question, answer);
    if (on_answer) on_answer();
  }

  uint64_t id = 0;
  std::vector<std::pair<uint64_t, std::string>> answers;
  std::function<void()> on_answer;
  std::vector<int> signals;
  std::vector<TerminalSize> sizes;
  std::function<void()> on_started;
  std::function<void(int)> on_signal;
  std::function<void()> on_resize;
};

// The keeper's end of the connection.
class FakeKeeper {
 public:
  explicit FakeKeeper(base::Fd fd) : fd_(std::move(fd)) {}

  static std::string frame(ExecFrame type, std::string_view payload) {
    std::array<uint8_t, link::kExecHeaderBytes> header{};
    link::encode_exec_header({type, static_cast<uint32_t>(payload.size())}, header);
    return std::string(reinterpret_cast<const char*>(header.data()), header.size()) + std::string(payload);
  }
  void send(ExecFrame type, std::string_view payload) { base::write_all(fd_.get(), frame(type, payload), "loop"); }
  void start() { send(ExecFrame::kStarted, R"({"id":7,"pid":100})"); }
  void exit(int code) { send(ExecFrame::kExit, exit_json(code)); }
  static std::string exit_json(int code) {
    keeper::KeeperExit exit;
    exit.code = code;
    return base::to_line(keeper::to_json(exit));
  }
  // The next frame from the loop: its type and payload.
  std::pair<ExecFrame, std::string> receive() {
    std::array<uint8_t, link::kExecHeaderBytes> header{};
    EXPECT_EQ(recv(fd_.get(), header.data(), header.size(), MSG_WAITALL), static_cast<ssize_t>(header.size()));
    const link::ExecHeader decoded = link::decode_exec_header(header);
    std::string payload(decoded.length, '\0');
    if (decoded.length > 0) {
      EXPECT_EQ(recv(fd_.get(), payload.data(), payload.size(), MSG_WAITALL), static_cast<ssize_t>(payload.size()));
    }
    return {decoded.type, payload};
  }
  void close() { fd_.reset(); }

 private:
  base::Fd fd_;
};

class StreamTest : public testing::Test {
 protected:
  StreamTest() {
    // Sent to the whole process: no thread of the test may take them but by the loop's signalfd.
    sigset_t set;
    sigemptyset(&set);
    for (int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGWINCH, SIGCONT}) sigaddset(&set, number);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    options_.connection = ours_.get();
    options_.input = input_.first.get();
    options_.output = output_.second.get();
    options_.error = error_.second.get();
  }

  StreamEnd run() { return run_stream(options_, control_); }
  std::string output() {
    output_.second.reset();
    return base::read_all(output_.first.get(), 64U << 20, "output");
  }
  std::string error() {
    error_.second.reset();
    return base::read_all(error_.first.get(), 64U << 20, "error");
  }

  base::FdPair sockets_ = base::make_socketpair();
  base::Fd ours_ = std::move(sockets_.first);
  FakeKeeper keeper_{std::move(sockets_.second)};
  base::FdPair input_ = base::make_pipe();
  base::FdPair output_ = base::make_pipe();
  base::FdPair error_ = base::make_pipe();
  FakeControl control_;
  StreamOptions options_;
};

TEST_F(StreamTest, OutputGoesToItsDescriptorsAndTheExitIsTheResult) {
  keeper_.start();
  keeper_.send(ExecFrame::kStdout, "to out");
  keeper_.send(ExecFrame::kStderr, "to err");
  keeper_.send(ExecFrame::kStdout, "");
  keeper_.send(ExecFrame::kExit, R"({"code":139,"signal":11,"notes":["a note"],"stages_us":{}})");
  const StreamEnd end = run();
  EXPECT_EQ(end.kind, Kind::kExited);
  EXPECT_EQ(end.result.code, 139);
  EXPECT_EQ(end.result.signal, 11);
  EXPECT_THAT(end.result.notes, testing::ElementsAre("a note"));
  EXPECT_EQ(control_.id, 7U);
  EXPECT_EQ(output(), "to out");
  EXPECT_EQ(error(), "to err");
}

TEST_F(StreamTest, EarlyBytesComeFirstAndMayEndAnywhere) {
  const std::string all = FakeKeeper::frame(ExecFrame::kStarted, R"({"id":1,"pid":2})") +
                          FakeKeeper::frame(ExecFrame::kStdout, "hello") +
                          FakeKeeper::frame(ExecFrame::kExit, FakeKeeper::exit_json(4));
  for (size_t cut = 0; cut <= all.size(); ++cut) {
    base::FdPair sockets = base::make_socketpair();
    base::FdPair out = base::make_pipe();
    options_.connection = sockets.first.get();
    options_.output = out.second.get();
    options_.early_bytes = all.substr(0, cut);
    base::write_all(sockets.second.get(), all.substr(cut), "loop");
    const StreamEnd end = run();
    ASSERT_EQ(end.kind, Kind::kExited) << cut;
    ASSERT_EQ(end.result.code, 4) << cut;
    out.second.reset();
    ASSERT_EQ(base::read_all(out.first.get(), 100, "output"), "hello") << cut;
  }
}

TEST_F(StreamTest, InputIsSentAfterTheStartAndItsEndIsTold) {
  options_.send_input = true;
  base::write_all(input_.second.get(), std::string_view("line\n"), "input");
  input_.second.reset();
  std::thread server([&] {
    keeper_.start();
    EXPECT_EQ(keeper_.receive(), std::pair(ExecFrame::kStdin, std::string("line\n")));
    EXPECT_EQ(keeper_.receive(), std::pair(ExecFrame::kStdinEnd, std::string()));
    keeper_.exit(0);
  });
  EXPECT_EQ(run().kind, Kind::kExited);
  server.join();
}

TEST_F(StreamTest, WithoutInputNothingIsSent) {
  base::write_all(input_.second.get(), std::string_view("line\n"), "input");
  input_.second.reset();
  keeper_.start();
  keeper_.exit(0);
  EXPECT_EQ(run().kind, Kind::kExited);
  ours_.reset();
  char byte = 0;
  EXPECT_EQ(read(input_.first.get(), &byte, 1), 1);  // still there
}

TEST_F(StreamTest, ASlowReaderHoldsBackOutputAndNothingElse) {
  constexpr size_t kFrames = 64;
  const std::string payload(32U << 10, 'x');
  options_.send_input = true;
  std::string got;
  std::thread server([&] {
    keeper_.start();
    std::thread writer([&] {
      for (size_t i = 0; i < kFrames; ++i) keeper_.send(ExecFrame::kStdout, payload);
      keeper_.exit(0);
    });
    // The pipe is full before anybody reads from it ...
    pollfd writable{output_.second.get(), POLLOUT, 0};
    while (poll(&writable, 1, 0) == 1) std::this_thread::yield();
    // ... and input still goes through.
    base::write_all(input_.second.get(), std::string_view("key"), "input");
    EXPECT_EQ(keeper_.receive(), std::pair(ExecFrame::kStdin, std::string("key")));
    std::string chunk(100000, '\0');
    while (got.size() < kFrames * payload.size()) {
      const ssize_t count = read(output_.first.get(), chunk.data(), chunk.size());
      if (count <= 0) break;
      got.append(chunk, 0, static_cast<size_t>(count));
    }
    writer.join();
  });
  EXPECT_EQ(run().kind, Kind::kExited);
  server.join();
  EXPECT_EQ(got, std::string(kFrames * payload.size(), 'x'));
  // The inherited descriptor stayed as it was: other programs share it.
  EXPECT_EQ(fcntl(output_.second.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(StreamTest, AReaderThatHasGoneIsASigpipeAndTheRestIsDropped) {
  output_.first.reset();
  keeper_.start();
  keeper_.send(ExecFrame::kStdout, "one");
  keeper_.send(ExecFrame::kStdout, "two");
  keeper_.send(ExecFrame::kStderr, "three");
  control_.on_signal = [&](int) { keeper_.exit(141); };
  const StreamEnd end = run();
  EXPECT_EQ(end.kind, Kind::kExited);
  EXPECT_EQ(end.result.code, 141);
  EXPECT_THAT(control_.signals, testing::ElementsAre(SIGPIPE));
  EXPECT_EQ(error(), "three");
}

TEST_F(StreamTest, OutputThatCannotBeWrittenIsOurFailure) {
  const base::Fd full = base::open_file("/dev/full", O_WRONLY);
  options_.output = full.get();
  keeper_.start();
  keeper_.send(ExecFrame::kStdout, "lost");
  keeper_.exit(0);
  const StreamEnd end = run();
  EXPECT_EQ(end.kind, Kind::kFailed);
  EXPECT_EQ(end.exit_code, 125);
  EXPECT_EQ(end.error, "cannot write the command's output to stdout: No space left on device");
}

TEST_F(StreamTest, ALostConnectionIsAnError) {
  keeper_.start();
  keeper_.send(ExecFrame::kStdout, "part");
  keeper_.close();
  const StreamEnd end = run();
  EXPECT_EQ(end.kind, Kind::kFailed);
  EXPECT_EQ(end.exit_code, 125);
  EXPECT_EQ(end.error, "the connection to the sandbox was lost");
  EXPECT_EQ(output(), "part");
}

TEST_F(StreamTest, AnErrorFrameIsTheReasonAndTheExitCode) {
  keeper_.send(ExecFrame::kError, R"({"error":"'x' was not found","hint":"look","exit_code":127})");
  const StreamEnd end = run();
  EXPECT_EQ(end.kind, Kind::kFailed);
  EXPECT_EQ(end.error, "'x' was not found");
  EXPECT_EQ(end.hint, "look");
  EXPECT_EQ(end.exit_code, 127);
}

TEST_F(StreamTest, AnErrorFramesExitCodeIsNeverSuccess) {
  keeper_.send(ExecFrame::kError, R"({"error":"x","exit_code":256})");
  EXPECT_EQ(run().exit_code, 125);
}

TEST_F(StreamTest, WhatIsNoFrameEndsTheStream) {
  for (const std::string& bytes :
       {std::string("\x09\0\0\0\0", 5), std::string("\x02\x7f\xff\xff\xff", 5),
        FakeKeeper::frame(ExecFrame::kStdin, "x"), FakeKeeper::frame(ExecFrame::kExit, "{"),
        FakeKeeper::frame(ExecFrame::kStarted, R"({"id":-1})"), FakeKeeper::frame(ExecFrame::kError, "[]"),
        FakeKeeper::frame(ExecFrame::kExit, "")}) {
    options_.early_bytes = bytes;
    const StreamEnd end = run();
    EXPECT_EQ(end.kind, Kind::kFailed);
    EXPECT_EQ(end.exit_code, 125);
    EXPECT_THAT(end.error, testing::StartsWith("the sandbox's keeper sent what cannot be understood"));
  }
}

TEST_F(StreamTest, SignalsAreForwardedAfterTheStart) {
  keeper_.start();
  control_.on_started = [] { kill(getpid(), SIGTERM); };
  control_.on_signal = [&](int number) {
    if (number == SIGTERM) kill(getpid(), SIGUSR1);
    if (number == SIGUSR1) keeper_.exit(143);
  };
  EXPECT_EQ(run().result.code, 143);
  EXPECT_THAT(control_.signals, testing::ElementsAre(SIGTERM, SIGUSR1));
}

TEST_F(StreamTest, TheSecondInterruptKillsAndTheThirdLeaves) {
  keeper_.start();
  control_.on_started = [] { kill(getpid(), SIGINT); };
  control_.on_signal = [](int) { kill(getpid(), SIGINT); };
  const StreamEnd end = run();
  EXPECT_EQ(end.kind, Kind::kLeft);
  EXPECT_EQ(end.signal, SIGINT);
  EXPECT_THAT(control_.signals, testing::ElementsAre(SIGINT, SIGKILL));
}

TEST_F(StreamTest, ASignalBeforeTheStartLeavesAtOnce) {
  kill(getpid(), SIGTERM);
  const StreamEnd end = run();
  EXPECT_EQ(end.kind, Kind::kLeft);
  EXPECT_EQ(end.signal, SIGTERM);
  EXPECT_TRUE(control_.signals.empty());
}

TEST_F(StreamTest, AControlThatFailsDoesNotEndTheStream) {
  keeper_.start();
  control_.on_started = [] { kill(getpid(), SIGTERM); };
  control_.on_signal = [&](int) {
    keeper_.exit(0);
    throw base::Error("the keeper does not answer");
  };
  EXPECT_EQ(run().kind, Kind::kExited);
}

// On a pseudo-terminal.
class StreamTerminalTest : public StreamTest {
 protected:
  StreamTerminalTest() {
    int user = -1;
    int program = -1;
    winsize size{.ws_row = 30, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
    if (openpty(&user, &program, nullptr, nullptr, &size) != 0) throw std::runtime_error("no pty");
    user_ = base::Fd(user);
    program_ = base::Fd(program);
    options_.input = program;
    options_.send_input = true;
    options_.tty = true;
    options_.size = {30, 100};
    tcgetattr(program, &before_);
  }
  // Once the loop listens: what is typed before is the terminal's, as a Ctrl-C before the start is a signal.
  void type(std::string_view keys) {
    while (!is_raw()) std::this_thread::yield();
    base::write_all(user_.get(), keys, "terminal");
  }
  bool is_restored() const {
    termios now{};
    tcgetattr(program_.get(), &now);
    return now.c_lflag == before_.c_lflag && now.c_iflag == before_.c_iflag && now.c_oflag == before_.c_oflag;
  }
  bool is_raw() const {
    termios now{};
    tcgetattr(program_.get(), &now);
    return (now.c_lflag & (ICANON | ECHO | ISIG)) == 0;
  }

  base::Fd user_;
  base::Fd program_;
  termios before_{};
};

TEST_F(StreamTerminalTest, IsRawFromStartToEndAndThenRestored) {
  bool raw_at_start = true;
  bool raw_while_running = false;
  std::thread server([&] {
    raw_at_start = is_raw();
    keeper_.start();
    type("\x03");  // raw: no signal, a byte
    EXPECT_EQ(keeper_.receive(), std::pair(ExecFrame::kStdin, std::string("\x03")));
    raw_while_running = is_raw();
    keeper_.exit(0);
  });
  EXPECT_EQ(run().kind, Kind::kExited);
  server.join();
  EXPECT_FALSE(raw_at_start);
  EXPECT_TRUE(raw_while_running);
  EXPECT_TRUE(is_restored());
}

TEST_F(StreamTerminalTest, IsRestoredAfterAnErrorToo) {
  keeper_.start();
  control_.on_started = [&] { keeper_.close(); };
  EXPECT_EQ(run().kind, Kind::kFailed);
  EXPECT_TRUE(is_restored());
}

TEST_F(StreamTerminalTest, DetachKeysMayComeInTwoReads) {
  std::thread server([&] {
    keeper_.start();
    type("a\x10");
    // The ctrl-p is held back until it is known what follows it.
    EXPECT_EQ(keeper_.receive(), std::pair(ExecFrame::kStdin, std::string("a")));
    type("\x11ignored");
  });
  EXPECT_EQ(run().kind, Kind::kDetached);
  server.join();
  ours_.reset();
  EXPECT_TRUE(is_restored());
}

TEST_F(StreamTerminalTest, ASizeThatChangedIsTold) {
  control_.on_started = [&] {
    const winsize size{.ws_row = 50, .ws_col = 132, .ws_xpixel = 0, .ws_ypixel = 0};
    ioctl(user_.get(), TIOCSWINSZ, &size);
    kill(getpid(), SIGWINCH);
  };
  control_.on_resize = [&] { keeper_.exit(0); };
  keeper_.start();
  EXPECT_EQ(run().kind, Kind::kExited);
  EXPECT_THAT(control_.sizes, testing::ElementsAre(TerminalSize{50, 132}));
}

TEST_F(StreamTerminalTest, ATerminalThatGoesAwayIsTheEndOfInput) {
  std::thread server([&] {
    keeper_.start();
    type("x");
    EXPECT_EQ(keeper_.receive(), std::pair(ExecFrame::kStdin, std::string("x")));
    user_.reset();
    EXPECT_EQ(keeper_.receive().first, ExecFrame::kStdinEnd);
    keeper_.exit(129);
  });
  EXPECT_EQ(run().result.code, 129);
  server.join();
}

}  // namespace
}  // namespace caisson::cli
