// SPDX-License-Identifier: Apache-2.0

// caisson-init as a child of the test, in a session over a socket pair: a guest without a machine.
#pragma once

#include <gtest/gtest.h>
#include <sys/random.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/install.h"
#include "base/process.h"
#include "base/text.h"
#include "link/guest_client.h"

namespace caisson::guest {

namespace asio = boost::asio;
using link::ExecFrame;

struct Frame {
  ExecFrame type = ExecFrame::kError;
  std::string payload;
};

inline asio::awaitable<Frame> read_frame(link::Stream& stream) {
  std::array<uint8_t, link::kExecHeaderBytes> bytes;
  co_await stream.read_exact(bytes);
  const link::ExecHeader header = link::decode_exec_header(bytes);
  Frame frame;
  frame.type = header.type;
  frame.payload.resize(header.length);
  co_await stream.read_exact(std::span(reinterpret_cast<uint8_t*>(frame.payload.data()), frame.payload.size()));
  co_return frame;
}

inline asio::awaitable<void> write_frame(link::Stream& stream, ExecFrame type, std::string payload) {
  std::vector<uint8_t> bytes(link::kExecHeaderBytes + payload.size());
  link::encode_exec_header({.type = type, .length = static_cast<uint32_t>(payload.size())},
                           std::span<uint8_t, link::kExecHeaderBytes>(bytes.data(), link::kExecHeaderBytes));
  std::copy(payload.begin(), payload.end(), bytes.begin() + link::kExecHeaderBytes);
  co_await stream.write(bytes);
}

// What came of a command: its output by stream and its result.
struct Ending {
  std::string out;
  std::string err;
  link::ExecResult result;
};

inline asio::awaitable<Ending> read_to_end(link::Stream& stream) {
  Ending ending;
  while (true) {
    Frame frame = co_await read_frame(stream);
    if (frame.type == ExecFrame::kStdout) ending.out += frame.payload;
    if (frame.type == ExecFrame::kStderr) ending.err += frame.payload;
    if (frame.type == ExecFrame::kExit) {
      ending.result = link::from_json<link::ExecResult>(base::parse_json_object(frame.payload, "result"));
      co_return ending;
    }
  }
}

class InitTest : public testing::Test {
 protected:
  void SetUp() override {
    base::FdPair link = base::make_socketpair();
    init_ = base::spawn({.argv = {base::helper_program("caisson-init"), "--link-fd", "3"},
                         .descriptors = {{link.second.get(), 3}, {2, 2}}});
    link.second.reset();
    client_.emplace(context_.get_executor(),
                    link::descriptor_transport(context_.get_executor(), std::move(link.first)));
  }

  static link::Configure configuration() {
    link::Configure configure;
    configure.hostname = "test";
    configure.machine_id = std::string(32, 'a');
    configure.entropy = std::string(128, '0');
    configure.environment = {"FROM_SANDBOX=1", "OVERRIDDEN=no"};
    return configure;
  }

  // Runs one coroutine to its end; the test fails with what it throws.
  template <typename Coroutine>
  void run(Coroutine coroutine) {
    std::exception_ptr thrown;
    bool finished = false;
    asio::co_spawn(context_, std::move(coroutine), [&](std::exception_ptr error) {
      thrown = error;
      finished = true;
    });
    context_.restart();
    while (!finished && context_.run_one() > 0) {
    }
    if (thrown) {
      try {
        std::rethrow_exception(thrown);
      } catch (const std::exception& error) {
        FAIL() << error.what();
      }
    }
    ASSERT_TRUE(finished);
  }

  static link::ExecRequest command(std::vector<std::string> argv) {
    link::ExecRequest request;
    request.argv = std::move(argv);
    request.user = std::to_string(::getuid());
    request.folder = "/";
    return request;
  }
  static link::ExecRequest shell(const std::string& script) { return command({"/bin/sh", "-c", script}); }

  // The configured session's end of a whole command.
  Ending ending_of(link::ExecRequest request) {
    Ending ending;
    run([](InitTest* self, link::ExecRequest what, Ending* into) -> asio::awaitable<void> {
      co_await self->configure_once();
      const link::StreamPtr stream = co_await self->client_->exec(std::move(what));
      *into = co_await read_to_end(*stream);
    }(this, std::move(request), &ending));
    return ending;
  }

  asio::awaitable<void> configure_once() {
    if (std::exchange(configured_, true)) co_return;
    link::Configure configure = configuration();
    co_await client_->configure(std::move(configure));
  }

  asio::io_context context_{1};
  std::optional<link::GuestClient> client_;
  base::Child init_;
  bool configured_ = false;
};

}  // namespace caisson::guest
