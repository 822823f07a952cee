// SPDX-License-Identifier: Apache-2.0

// Commands in a real caisson-init, as this user and without a machine around it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <boost/asio/detached.hpp>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "guest/init_for_test.h"
#include "guest/waiting.h"
#include "link/message.h"

namespace caisson::guest {

// Everything a test does on the link is one of these coroutines: members, so that what they use outlives them.
class InitExec : public InitTest {
 protected:
  asio::awaitable<link::StreamPtr> start(link::ExecRequest request) {
    co_await configure_once();
    const link::StreamPtr stream = co_await client_->exec(std::move(request));
    const Frame first = co_await read_frame(*stream);
    if (first.type == ExecFrame::kError) throw base::Error(first.payload);
    EXPECT_EQ(first.type, ExecFrame::kStarted);
    started_ = link::from_json<link::ExecStarted>(base::parse_json_object(first.payload, "started"));
    co_return stream;
  }

  link::ExecFailure failure_of(link::ExecRequest request) {
    link::ExecFailure failure;
    run(expect_failure(std::move(request), &failure));
    return failure;
  }
  asio::awaitable<void> expect_failure(link::ExecRequest request, link::ExecFailure* failure) {
    co_await configure_once();
    const link::StreamPtr stream = co_await client_->exec(std::move(request));
    const Frame first = co_await read_frame(*stream);
    EXPECT_EQ(first.type, ExecFrame::kError) << first.payload;
    *failure = link::from_json<link::ExecFailure>(base::parse_json_object(first.payload, "failure"));
  }

  asio::awaitable<void> refused_before_configure() {
    const link::Hello hello = co_await client_->hello();
    EXPECT_EQ(hello.docker, "absent");
    link::ExecRequest request = command({"true"});
    const link::StreamPtr stream = co_await client_->exec(std::move(request));
    const Frame frame = co_await read_frame(*stream);
    EXPECT_EQ(frame.type, ExecFrame::kError);
    EXPECT_THAT(frame.payload, testing::HasSubstr("not configured"));
  }

  asio::awaitable<void> input_ends() {
    link::ExecRequest request = shell("cat; echo end");
    request.keep_stdin = true;
    const link::StreamPtr stream = co_await start(std::move(request));
    co_await write_frame(*stream, ExecFrame::kStdin, "one ");
    co_await write_frame(*stream, ExecFrame::kStdin, "two ");
    co_await write_frame(*stream, ExecFrame::kStdinEnd, "");
    const Ending ending = co_await read_to_end(*stream);
    EXPECT_EQ(ending.out, "one two end\n");
  }

  asio::awaitable<void> input_nobody_reads() {
    link::ExecRequest request = shell("exec <&-; exit 4");
    request.keep_stdin = true;
    const link::StreamPtr stream = co_await start(std::move(request));
    for (int i = 0; i < 8; ++i) {
      std::string chunk(link::kMaxExecFrameBytes, 'x');
      co_await write_frame(*stream, ExecFrame::kStdin, std::move(chunk));
    }
    const Ending ending = co_await read_to_end(*stream);
    EXPECT_EQ(ending.result.code, 4);
  }

  // Bytes whose place shows in their value.
  static std::string pattern(size_t from, size_t size) {
    std::string bytes(size, '\0');
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((from + i) * 2654435761U >> 13U);
    return bytes;
  }
  asio::awaitable<void> feed(link::StreamPtr stream, size_t total) {
    for (size_t sent = 0; sent < total; sent += link::kMaxExecFrameBytes) {
      std::string chunk = pattern(sent, link::kMaxExecFrameBytes);
      co_await write_frame(*stream, ExecFrame::kStdin, std::move(chunk));
    }
    co_await write_frame(*stream, ExecFrame::kStdinEnd, "");
  }
  asio::awaitable<void> through_cat(size_t total) {
    link::ExecRequest request = command({"cat"});
    request.keep_stdin = true;
    const link::StreamPtr stream = co_await start(std::move(request));
    asio::co_spawn(context_, feed(stream, total), asio::detached);
    size_t received = 0;
    while (true) {
      const Frame frame = co_await read_frame(*stream);
      if (frame.type == ExecFrame::kExit) break;
      expect_same(frame.payload == pattern(received, frame.payload.size()), received);
      received += frame.payload.size();
    }
    EXPECT_EQ(received, total);
  }
  static void expect_same(bool same, size_t at) {
    if (!same) throw base::Error("the bytes from " + std::to_string(at) + " on are not those that were sent");
  }

  asio::awaitable<void> signalled(int number, Ending* ending) {
    link::ExecRequest request = command({"cat"});  // see terminal_interrupt
    request.keep_stdin = true;
    const link::StreamPtr stream = co_await start(std::move(request));
    co_await write_frame(*stream, ExecFrame::kStdin, "there");
    co_await read_frame(*stream);
    co_await client_->signal(started_.id, number);
    *ending = co_await read_to_end(*stream);
  }

  asio::awaitable<void> reset_kills() {
    {
      const link::StreamPtr stream = co_await start(shell("echo ready; exec sleep 1000"));
      co_await read_frame(*stream);
      stream->reset();
    }
    // Waits for the process's end (unless it is over already); a command that lives on ends the test by ctest's time
    // limit.
    base::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, started_.pid, 0)));
    if (!pidfd) co_return;
    Descriptor process(context_.get_executor(), std::move(pidfd));
    co_await process.readable();
  }

  asio::awaitable<void> flood_with_slow_reader() {
    const link::StreamPtr stream = co_await start(shell("head -c 50000000 /dev/zero"));
    // Nothing is read for as long as other commands take: the flood must not hold them up, nor fill init's memory.
    for (int i = 0; i < 5; ++i) {
      link::ExecRequest request = shell("echo other");
      const link::GuestClient::Output output = co_await client_->run(std::move(request));
      EXPECT_EQ(output.text, "other\n");
    }
    EXPECT_LT(init_memory_kib(), 64U << 10);
    const Ending ending = co_await read_to_end(*stream);
    EXPECT_EQ(ending.out.size(), 50'000'000U);
  }
  size_t init_memory_kib() {
    const std::string status = base::read_file("/proc/" + std::to_string(init_.pid()) + "/status");
    const size_t at = status.find("VmRSS:");
    return std::strtoull(status.c_str() + at + 6, nullptr, 10);
  }

  asio::awaitable<void> terminal_session() {
    link::ExecRequest request = shell("stty size; read line; echo got $line; read line; stty size; cat; echo eof");
    link::TtySize size;
    size.rows = 33;
    size.columns = 99;
    request.tty = size;
    request.keep_stdin = true;
    const link::StreamPtr stream = co_await start(std::move(request));
    std::string seen;
    co_await read_until(stream, "33 99\r\n", &seen);
    co_await write_frame(*stream, ExecFrame::kStdin, "hello\n");
    co_await read_until(stream, "got hello\r\n", &seen);
    size.rows = 50;
    size.columns = 120;
    co_await client_->resize(started_.id, size);
    co_await write_frame(*stream, ExecFrame::kStdin, "\n");
    co_await read_until(stream, "50 120\r\n", &seen);
    co_await write_frame(*stream, ExecFrame::kStdin, "\x04");  // Ctrl-D ends cat
    const Ending ending = co_await read_to_end(*stream);
    EXPECT_THAT(ending.out, testing::HasSubstr("eof\r\n"));
    EXPECT_EQ(ending.result.code, 0);
  }
  asio::awaitable<void> read_until(link::StreamPtr stream, std::string_view text, std::string* seen) {
    while (seen->find(text) == std::string::npos) {
      const Frame frame = co_await read_frame(*stream);
      if (frame.type != ExecFrame::kStdout) throw base::Error("the terminal ended after: " + base::escaped(*seen));
      *seen += frame.payload;
    }
  }
  asio::awaitable<void> terminal_interrupt(Ending* ending) {
    // No shell: a signal that comes between its fork and its exec is lost to it.
    link::ExecRequest request = command({"cat"});
    request.tty.emplace();
    request.keep_stdin = true;
    const link::StreamPtr stream = co_await start(std::move(request));
    std::string seen;
    co_await write_frame(*stream, ExecFrame::kStdin, "there\n");
    co_await read_until(stream, "there\r\nthere\r\n", &seen);  // the terminal's echo and cat's
    co_await write_frame(*stream, ExecFrame::kStdin, "\x03");
    *ending = co_await read_to_end(*stream);
  }

  asio::awaitable<void> many_at_once() {
    std::vector<link::StreamPtr> streams;
    for (int i = 0; i < 100; ++i) {
      link::ExecRequest request = shell("echo " + std::to_string(i) + "; exit " + std::to_string(i));
      co_await configure_once();
      streams.push_back(co_await client_->exec(std::move(request)));
    }
    for (int i = 0; i < 100; ++i) {
      const Ending ending = co_await read_to_end(*streams[static_cast<size_t>(i)]);
      EXPECT_EQ(ending.out, std::to_string(i) + "\n");
      EXPECT_EQ(ending.result.code, i);
    }
  }

  asio::awaitable<void> copy_through(std::string from, std::string to) {
    link::CopyRequest get;
    get.path = from;
    const link::StreamPtr source = co_await client_->copy(std::move(get));
    link::CopyRequest put;
    put.put = true;
    put.path = to;
    const link::StreamPtr target = co_await client_->copy(std::move(put));
    std::vector<uint8_t> buffer(100'000);
    while (const size_t got = co_await source->read_some(buffer)) {
      const std::span<const uint8_t> chunk(buffer.data(), got);
      co_await target->write(chunk);
    }
    co_await target->close_write();
    base::Json answer = co_await link::read_message(*target);
    link::checked_answer(std::move(answer), "cannot copy");
  }

  asio::awaitable<void> copy_failures(std::string folder, std::vector<std::string>* messages) {
    for (const bool put : {false, true}) {
      try {
        link::CopyRequest request;
        request.put = put;
        request.path = folder + "/missing/file";
        co_await client_->copy(std::move(request));
        messages->push_back("no error");
      } catch (const base::Error& error) {
        messages->push_back(error.what());
      }
    }
  }

  // One connection through the port service: "ping" there, "pong" back after the end of the request, then the end.
  asio::awaitable<void> through_port(int listener, uint16_t port) {
    link::PortRequest request;
    request.port = port;
    const link::StreamPtr stream = co_await client_->port(request);
    const base::Fd accepted(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    Descriptor server(context_.get_executor(), accepted.duplicate());
    const std::string ping = "ping";
    const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(ping.data()), ping.size());
    co_await stream->write(bytes);
    co_await stream->close_write();
    std::string seen;
    while (true) {
      char buffer[16];
      const ssize_t got = ::read(server.get(), buffer, sizeof buffer);
      if (got == 0) break;
      if (got > 0) seen.append(buffer, static_cast<size_t>(got));
      if (got < 0) co_await server.readable();
    }
    EXPECT_EQ(seen, ping);
    EXPECT_EQ(::send(server.get(), "pong", 4, MSG_NOSIGNAL), 4);
    ::shutdown(server.get(), SHUT_WR);
    std::array<uint8_t, 4> answer;
    co_await stream->read_exact(answer);
    EXPECT_EQ(std::string(answer.begin(), answer.end()), "pong");
    const size_t end = co_await stream->read_some(answer);
    EXPECT_EQ(end, 0U);
  }
  asio::awaitable<void> refused_port(uint16_t port, std::string* message) {
    try {
      link::PortRequest request;
      request.port = port;
      co_await client_->port(request);
    } catch (const base::Error& error) {
      *message = error.what();
    }
  }

  link::ExecStarted started_;
};

// A TCP socket bound to a free port of 127.0.0.1.
struct BoundSocket {
  BoundSocket() : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port = ntohs(address.sin_port);
  }
  base::Fd fd;
  uint16_t port = 0;
};

namespace {

using testing::HasSubstr;
using testing::Not;

TEST_F(InitExec, RefusesCommandsBeforeItIsConfigured) {
  run(refused_before_configure());
}

TEST_F(InitExec, ExitCodesAndSignalsAreTheCommands) {
  EXPECT_EQ(ending_of(shell("exit 0")).result.code, 0);
  EXPECT_EQ(ending_of(shell("exit 3")).result.code, 3);
  const Ending killed = ending_of(shell("kill -TERM $$"));
  EXPECT_EQ(killed.result.signal, SIGTERM);
  EXPECT_EQ(killed.result.code, 0);
}

TEST_F(InitExec, StreamsAreKeptApart) {
  const Ending ending = ending_of(shell("echo out; echo err >&2; echo through path > /dev/stderr"));
  EXPECT_EQ(ending.out, "out\n");
  EXPECT_EQ(ending.err, "err\nthrough path\n");
}

TEST_F(InitExec, TheProcessIsInOrder) {
  const Ending ending = ending_of(
      shell("umask; pwd; echo $FROM_SANDBOX$OVERRIDDEN$TERM; [ $$ = $(ps -o sid= -p $$) ] && echo own session;"
            "grep -E 'Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd | tr '\\n' ' '; ulimit -n; readlink "
            "/proc/self/fd/0"));
  EXPECT_THAT(ending.out, HasSubstr("0022\n/\n1no\nown session\n"));
  EXPECT_THAT(ending.out, HasSubstr("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"));
  EXPECT_THAT(ending.out, HasSubstr("0 1 2 3 1024\n/dev/null\n"));
}

TEST_F(InitExec, TheCommandsEnvironmentWins) {
  link::ExecRequest request = shell("echo $FROM_SANDBOX$OVERRIDDEN; echo $0");
  request.environment = {"OVERRIDDEN=yes"};
  EXPECT_EQ(ending_of(std::move(request)).out, "1yes\n/bin/sh\n");
}

TEST_F(InitExec, WhatCannotBeStartedIsDockersNumber) {
  const link::ExecFailure missing = failure_of(command({"no-such-program"}));
  EXPECT_EQ(missing.exit_code, 127);
  EXPECT_THAT(missing.error, HasSubstr("'no-such-program': executable file not found in $PATH"));
  EXPECT_EQ(failure_of(command({"/no/such/program"})).exit_code, 127);
  const link::ExecFailure denied = failure_of(command({"/etc/passwd"}));
  EXPECT_EQ(denied.exit_code, 126);
  EXPECT_THAT(denied.error, HasSubstr("Permission denied"));
  EXPECT_EQ(failure_of(command({"/tmp"})).exit_code, 126);
  link::ExecRequest request = command({"true"});
  request.folder = "/no/such/folder";
  const link::ExecFailure folder = failure_of(std::move(request));
  EXPECT_EQ(folder.exit_code, 125);
  EXPECT_THAT(folder.error, HasSubstr("cannot enter the folder '/no/such/folder'"));
  request = command({"true"});
  request.user = "no-such-user";
  EXPECT_THAT(failure_of(std::move(request)).error, HasSubstr("'no-such-user' does not exist"));
}

TEST_F(InitExec, AFileThatIsNoProgramIs126) {
  const base::TempFolder folder;
  base::write_file_atomic(folder / "text", "not a program", 0755);
  const link::ExecFailure failure = failure_of(command({folder / "text"}));
  EXPECT_EQ(failure.exit_code, 126);
  EXPECT_THAT(failure.error, HasSubstr("Exec format error"));
}

TEST_F(InitExec, StdinEndsWhenTheHostSaysSo) {
  run(input_ends());
}
TEST_F(InitExec, StdinThatNobodyReadsIsDropped) {
  run(input_nobody_reads());
}
TEST_F(InitExec, SixtyFourMebibytesThroughCatUnchanged) {
  run(through_cat(64U << 20));
}

TEST_F(InitExec, SignalsReachTheCommand) {
  for (const int number : {SIGINT, SIGTERM, SIGKILL, SIGUSR1}) {
    Ending ending;
    run(signalled(number, &ending));
    EXPECT_EQ(ending.result.signal, number);
  }
}

TEST_F(InitExec, AResetStreamKillsTheCommand) {
  run(reset_kills());
}

TEST_F(InitExec, ABackgroundChildDoesNotDelayTheEnd) {
  const Ending ending = ending_of(shell("sleep 1000 & echo $!; exit 5"));
  EXPECT_EQ(ending.result.code, 5);
  const pid_t child = std::atoi(ending.out.c_str());
  ASSERT_GT(child, 1);
  EXPECT_EQ(::kill(child, SIGKILL), 0) << "it goes on running under init";
}

TEST_F(InitExec, AFloodIsHeldBackAndOthersAreServed) {
  run(flood_with_slow_reader());
}
TEST_F(InitExec, ManyAtOnce) {
  run(many_at_once());
}
TEST_F(InitExec, ATerminalHasASizeAndCtrlDIsData) {
  run(terminal_session());
}

TEST_F(InitExec, CtrlCOnATerminalInterrupts) {
  Ending ending;
  run(terminal_interrupt(&ending));
  EXPECT_EQ(ending.result.signal, SIGINT);
}

TEST_F(InitExec, OrphansAreReaped) {
  const Ending ending =
      ending_of(shell("(sleep 0 & exec sh -c 'exit 0') & wait; (setsid sh -c 'exit 3' &) ; echo done"));
  EXPECT_EQ(ending.out, "done\n");
  // Every zombie would be a child of init; after one more exchange with it there is none.
  ending_of(shell("true"));
  const Ending zombies = ending_of(shell("ps -o stat= --ppid " + std::to_string(init_.pid()) + " | grep -c Z"));
  EXPECT_EQ(zombies.out, "0\n");
}

TEST_F(InitExec, CopiesBothWays) {
  const base::TempFolder folder;
  std::filesystem::create_directories(folder / "from/sub");
  std::filesystem::create_directories(folder / "to");
  base::write_file_atomic(folder / "from/sub/file", std::string(3'000'000, 'z'), 0640);
  run(copy_through(folder / "from", folder / "to"));
  EXPECT_EQ(base::read_file(folder / "to/from/sub/file"), std::string(3'000'000, 'z'));
  run(copy_through(folder / "from/sub/file", folder / "to/other"));
  EXPECT_EQ(base::read_file(folder / "to/other"), std::string(3'000'000, 'z'));
  struct stat info {};
  ASSERT_EQ(::stat((folder / "to/other").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640U);
}

TEST_F(InitExec, CopiesThatCannotBeMadeAreErrors) {
  const base::TempFolder folder;
  std::vector<std::string> messages;
  run(copy_failures(folder.path(), &messages));
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_THAT(messages[0], HasSubstr("No such file or directory"));
  EXPECT_THAT(messages[1], HasSubstr("cannot copy into the folder"));
}

TEST_F(InitExec, APortIsCarriedWithHalfClose) {
  const BoundSocket socket;
  ASSERT_EQ(::listen(socket.fd.get(), 1), 0);
  run(through_port(socket.fd.get(), socket.port));
}

TEST_F(InitExec, APortWhereNobodyListensIsRefused) {
  const BoundSocket socket;
  std::string message;
  run(refused_port(socket.port, &message));
  EXPECT_THAT(message, HasSubstr("Connection refused"));
}

TEST_F(InitExec, OtherUsersNeedRoot) {
  if (::getuid() != 0) GTEST_SKIP() << "only root can run commands as others";
  link::ExecRequest request = shell("id -u; id -G; echo through > /dev/stdout");
  request.user = "4242:77";
  EXPECT_EQ(ending_of(std::move(request)).out, "4242\n77\nthrough\n");
}

}  // namespace
}  // namespace caisson::guest
