// SPDX-License-Identifier: Apache-2.0

// Any bytes as the other end of a session: it must end with a reason, with nothing left and within its bounds. The
// first byte chooses the role and how the transport behaves.

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <functional>
#include <vector>

#include "base/error.h"
#include "link/session.h"

namespace caisson::link {
namespace {

// Gives out the input in pieces and swallows what is written, some of it at once and the rest later.
class InputTransport final : public Transport {
 public:
  InputTransport(asio::any_io_executor executor, std::span<const uint8_t> input, uint8_t how,
                 std::function<void()> between)
      : executor_(std::move(executor)),
        input_(input),
        between_(std::move(between)),
        piece_(how & 2 ? 5 : 4096),
        taken_at_once_(how & 4 ? 100 : SIZE_MAX),
        fails_(how & 8) {}

  asio::awaitable<size_t> read_some(std::span<uint8_t> into) override {
    co_await asio::post(executor_, asio::use_awaitable);
    between_();
    if (closed_) throw base::Error("closed", {}, ECANCELED);
    const size_t size = std::min({into.size(), input_.size(), piece_});
    std::copy_n(input_.begin(), size, into.begin());
    input_ = input_.subspan(size);
    co_return size;
  }
  asio::awaitable<void> write_all(std::span<const uint8_t>) override {
    co_await asio::post(executor_, asio::use_awaitable);
    if (closed_ || fails_) throw base::Error("cannot write", {}, EPIPE);
  }
  size_t try_write(std::span<const iovec> parts) override {
    size_t size = 0;
    for (const iovec& part : parts) size += part.iov_len;
    return std::min(size, taken_at_once_);
  }
  void close() override { closed_ = true; }

 private:
  asio::any_io_executor executor_;
  std::span<const uint8_t> input_;
  std::function<void()> between_;
  size_t piece_;
  size_t taken_at_once_;
  bool fails_;
  bool closed_ = false;
};

asio::awaitable<void> run(Session* session, bool* returned) {
  co_await session->run();
  *returned = true;
}

asio::awaitable<void> echo(StreamPtr stream) {
  std::vector<uint8_t> buffer(3000);
  try {
    while (const size_t got = co_await stream->read_some(buffer)) co_await stream->write(std::span(buffer).first(got));
    co_await stream->close_write();
  } catch (const base::Error&) {
  }
}

asio::awaitable<void> accept_all(Session* session, asio::any_io_executor executor) {
  try {
    while (true) {
      StreamPtr stream = co_await session->accept();
      if (stream->id() % 8 < 6)
        asio::co_spawn(executor, echo(std::move(stream)), asio::detached);  // others are dropped
    }
  } catch (const base::Error&) {
  }
}

asio::awaitable<void> write_much(Session* session) {
  try {
    static const std::vector<uint8_t> much(300'000);  // more than the window
    const StreamPtr stream = co_await session->open();
    const StreamPtr other = co_await session->open();
    co_await stream->write(much);
    co_await stream->close_write();
    std::vector<uint8_t> buffer(10);
    co_await stream->read_exact(buffer);
  } catch (const base::Error&) {
  }
}

void check(bool holds) {
  if (!holds) std::abort();
}

void session_with(std::span<const uint8_t> input) {
  const uint8_t how = input.empty() ? 0 : input[0];
  input = input.subspan(std::min<size_t>(1, input.size()));
  asio::io_context context(1);
  Limits limits;
  limits.max_streams = 16;
  limits.max_waiting_accepts = 4;
  limits.window_bytes = how & 16 ? 1U << 20 : 0;
  bool returned = false;
  Session* session = nullptr;
  const auto within_bounds = [&] {
    check(session->stream_count() <= 2 * limits.max_streams);
    check(session->buffered_bytes() <= input.size());
  };
  auto transport = std::make_unique<InputTransport>(context.get_executor(), input, how, within_bounds);
  {
    Session under_test(context.get_executor(), std::move(transport), how & 1 ? Role::kClient : Role::kServer, limits);
    session = &under_test;
    asio::co_spawn(context, run(session, &returned), asio::detached);
    asio::co_spawn(context, accept_all(session, context.get_executor()), asio::detached);
    asio::co_spawn(context, write_much(session), asio::detached);
    context.poll();
    // Only a transport that cannot be written to may leave the session waiting, for its patience to end.
    check(returned || (how & 8) != 0);
  }
  context.poll();
}

}  // namespace
}  // namespace caisson::link

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  caisson::link::session_with({data, size});
  return 0;
}
