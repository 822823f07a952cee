// SPDX-License-Identifier: Apache-2.0

#include "keeper/copy_session.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "link/message.h"
#include "link/services.h"

namespace caisson::keeper {
namespace {

constexpr size_t kCopyBytes = 128U << 10;

struct Copy {
  link::StreamPtr stream;
  ChannelPtr channel;
  bool done = false;
};

// A client that goes before the end takes the guest's part with it.
asio::awaitable<void> watch(std::shared_ptr<Copy> copy) {
  co_await copy->channel->wait_gone();
  if (!copy->done) copy->stream->reset();
}

asio::awaitable<void> send_all(std::shared_ptr<Copy> copy) {
  std::vector<uint8_t> buffer(kCopyBytes);
  while (const size_t count = co_await copy->channel->read_some(buffer)) {
    const std::span<const uint8_t> part(buffer.data(), count);
    co_await copy->stream->write(part);
  }
  co_await copy->stream->close_write();
}

// Beside send_all: a guest that refuses in the middle says so without having read the rest.
asio::awaitable<void> send_in_background(std::shared_ptr<Copy> copy) {
  try {
    co_await send_all(copy);
  } catch (const std::exception&) {
    // The guest's answer, or its absence, is what the client gets to know.
  }
}

}  // namespace

asio::awaitable<void> serve_copy_in(link::StreamPtr stream, ChannelPtr channel) {
  const auto copy = std::make_shared<Copy>(Copy{std::move(stream), std::move(channel)});
  const auto executor = co_await asio::this_coro::executor;
  asio::co_spawn(executor, watch(copy), asio::detached);
  asio::co_spawn(executor, send_in_background(copy), asio::detached);
  base::Json line;
  try {
    base::Json answer = co_await link::read_message(*copy->stream);
    link::checked_answer(std::move(answer), "cannot unpack in the sandbox");
    line = base::Json{{"ok", true}};
  } catch (const base::Error& error) {
    line = base::Json{{"error", base::escaped(error.problem())}, {"hint", ""}};
  }
  copy->done = true;
  try {
    const std::string text = base::to_line(line) + "\n";
    const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
    co_await copy->channel->write(bytes);
  } catch (const std::exception&) {
    // The client has gone.
  }
  copy->channel->shutdown_write();
}

asio::awaitable<void> serve_copy_out(link::StreamPtr stream, ChannelPtr channel) {
  const auto copy = std::make_shared<Copy>(Copy{std::move(stream), std::move(channel)});
  const auto executor = co_await asio::this_coro::executor;
  asio::co_spawn(executor, watch(copy), asio::detached);
  try {
    std::vector<uint8_t> buffer(kCopyBytes);
    while (const size_t count = co_await copy->stream->read_some(buffer)) {
      const std::span<const uint8_t> part(buffer.data(), count);
      co_await copy->channel->write(part);
    }
  } catch (const std::exception&) {
    copy->stream->reset();
  }
  copy->done = true;
  copy->channel->shutdown_write();
}

}  // namespace caisson::keeper
