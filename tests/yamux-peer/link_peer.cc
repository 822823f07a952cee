// SPDX-License-Identifier: Apache-2.0

// Our end of the interoperability test: a session over stdin and stdout with the role of its argument. It echoes every
// stream that the other end opens (but resets one that begins with "reset me"), asks the same of the other end, and
// then says "done" on a stream of its own. The client's role ends the session once both ends are done; the server's
// waits for that. Exit code 0 only when all of it went right.

#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <cstring>
#include <iostream>
#include <string>

#include "base/error.h"
#include "link/event.h"
#include "link/session.h"

namespace caisson::link {
namespace {

using Task = asio::awaitable<void>;

constexpr size_t kLargeBytes = 32U << 20;
constexpr int kManyStreams = 300;
constexpr const char* kReset = "the other end of the link reset the stream";

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

void expect(bool holds, const std::string& what) {
  if (!holds) throw base::Error("not as it should be: " + what);
}

class Peer {
 public:
  Peer(asio::io_context& context, Role role)
      : context_(context),
        session_(context.get_executor(),
                 pipe_transport(context.get_executor(), base::Fd(STDIN_FILENO), base::Fd(STDOUT_FILENO)), role),
        ends_session_(role == Role::kClient),
        changed_(context.get_executor()) {}

  bool run() {
    spawn(run_session());
    spawn(accept_all());
    spawn(talk());
    context_.run();
    return ok_ && session_ended_well_ && other_is_done_ && done_;
  }

 private:
  void spawn(Task task) {
    asio::co_spawn(context_, std::move(task), [this](std::exception_ptr failure) {
      if (failure) fail(failure);
    });
  }
  void fail(const std::exception_ptr& failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      std::cerr << "link_peer: " << error.what() << "\n";
    }
    ok_ = false;
    session_.close();
  }

  Task run_session() {
    const std::string reason = co_await session_.run();
    session_ended_well_ = reason.empty();
    if (!reason.empty()) std::cerr << "link_peer: the session ended: " << reason << "\n";
  }

  Task accept_all() {
    while (true) {
      StreamPtr stream;
      try {
        stream = co_await session_.accept();
      } catch (const base::Error&) {
        co_return;
      }
      spawn(serve_or_be_reset(std::move(stream)));
    }
  }

  Task serve_or_be_reset(StreamPtr stream) {
    try {
      co_await serve(std::move(stream));
    } catch (const base::Error& error) {
      if (error.problem() != kReset) throw;  // the other end resets one of its streams
    }
  }

  Task serve(StreamPtr stream) {
    std::vector<uint8_t> buffer(64U << 10);
    while (const size_t got = co_await stream->read_some(buffer)) {
      const std::string_view text(reinterpret_cast<const char*>(buffer.data()), got);
      if (text.starts_with("reset me")) {
        stream->reset();
        co_return;
      }
      if (text == "done") other_is_done_ = true;
      co_await stream->write(std::span(buffer).first(got));
    }
    co_await stream->close_write();
    changed_.notify_all();
  }

  Task talk() {
    co_await half_close();
    co_await be_reset();
    co_await reset();
    co_await many_streams();
    co_await large_echo();
    co_await ask("done");
    done_ = true;
    while (ends_session_ && !other_is_done_) co_await changed_.wait();
    if (ends_session_) session_.close();
  }

  // Sends `question` with its end and expects it back with the end.
  Task ask(std::string question) {
    const StreamPtr stream = co_await session_.open();
    co_await stream->write(bytes_of(question));
    co_await stream->close_write();
    std::string answer;
    std::vector<uint8_t> buffer(4096);
    while (const size_t got = co_await stream->read_some(buffer)) answer.append(buffer.begin(), buffer.begin() + got);
    expect(answer == question, "the echo of '" + question + "'");
  }

  Task half_close() {
    co_await ask("half closed");
    co_await ask("");  // nothing but the end
  }

  Task be_reset() {
    const StreamPtr stream = co_await session_.open();
    co_await stream->write(bytes_of("reset me"));
    std::vector<uint8_t> buffer(10);
    bool was_reset = false;
    try {
      co_await stream->read_some(buffer);
    } catch (const base::Error& error) {
      was_reset = error.problem() == kReset;
    }
    expect(was_reset, "a reset from the other end");
  }

  Task reset() {
    const StreamPtr stream = co_await session_.open();
    std::vector<uint8_t> block(100'000, 'r');
    co_await stream->write(block);
    stream->reset();  // the echo is under way
    co_await ask("after the reset");
  }

  Task one_of_many(int number) {
    co_await ask("stream " + std::to_string(number) + std::string(static_cast<size_t>(number) * 17, 'm'));
    ++finished_;
    changed_.notify_all();
  }
  Task many_streams() {
    for (int i = 0; i < kManyStreams; ++i) spawn(one_of_many(i));
    while (finished_ < kManyStreams && ok_) co_await changed_.wait();
  }

  // Byte i of the large echo.
  static uint8_t pattern(size_t i) { return static_cast<uint8_t>(i ^ (i >> 8) * 31 ^ (i >> 16) * 17); }

  Task send_large(StreamPtr stream) {
    std::vector<uint8_t> block(100'000);
    for (size_t at = 0; at < kLargeBytes;) {
      const size_t size = std::min(block.size(), kLargeBytes - at);
      for (size_t i = 0; i < size; ++i) block[i] = pattern(at + i);
      co_await stream->write(std::span(block).first(size));
      at += size;
    }
    co_await stream->close_write();
  }
  Task large_echo() {
    const StreamPtr stream = co_await session_.open();
    spawn(send_large(stream));
    std::vector<uint8_t> buffer(256U << 10);
    size_t at = 0;
    while (const size_t got = co_await stream->read_some(buffer)) {
      for (size_t i = 0; i < got; ++i) {
        if (buffer[i] != pattern(at + i))
          throw base::Error("byte " + std::to_string(at + i) + " of the large echo differs");
      }
      at += got;
    }
    expect(at == kLargeBytes, "the length of the large echo");
  }

  asio::io_context& context_;
  Session session_;
  const bool ends_session_;
  Event changed_;
  int finished_ = 0;
  bool ok_ = true;
  bool session_ended_well_ = false;
  bool other_is_done_ = false;
  bool done_ = false;
};

}  // namespace
}  // namespace caisson::link

int main(int argc, char** argv) {
  using caisson::link::Role;
  if (argc != 2 || (std::strcmp(argv[1], "client") != 0 && std::strcmp(argv[1], "server") != 0)) return 125;
  std::signal(SIGPIPE, SIG_IGN);
  boost::asio::io_context context(1);
  caisson::link::Peer peer(context, std::strcmp(argv[1], "client") == 0 ? Role::kClient : Role::kServer);
  return peer.run() ? 0 : 1;
}
