// SPDX-License-Identifier: Apache-2.0

#include "keeper/copy_session.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "link/guest_client.h"
#include "link/message.h"

namespace caisson::keeper {
namespace {

constexpr size_t kCopyBytes = 128U << 10;

struct Copy {
  Copy(CopyEnds its_ends, std::chrono::milliseconds its_patience, const asio::any_io_executor& executor)
      : stream(std::move(its_ends.stream)),
        channel(std::move(its_ends.channel)),
        patience(its_patience),
        limit(executor) {}

  const link::StreamPtr stream;
  const ChannelPtr channel;
  const std::chrono::milliseconds patience;
  asio::steady_timer limit;
  uint64_t turns = 0;
  bool late = false;
  bool done = false;
};
using CopyPtr = std::shared_ptr<Copy>;

// While it lives the guest is expected to take or to give bytes, and nobody else holds the copy up. One that does
// neither for too long has its stream reset, which ends whatever waits for it.
class GuestsTurn {
 public:
  explicit GuestsTurn(CopyPtr copy) : copy_(std::move(copy)) {
    copy_->limit.expires_after(copy_->patience);
    // The handler may be due already when the turn ends.
    copy_->limit.async_wait([copy = copy_, turn = ++copy_->turns](boost::system::error_code gone) {
      if (gone || copy->turns != turn) return;
      copy->late = true;
      copy->stream->reset();
    });
  }
  ~GuestsTurn() {
    ++copy_->turns;
    copy_->limit.cancel();
  }
  GuestsTurn(const GuestsTurn&) = delete;
  GuestsTurn& operator=(const GuestsTurn&) = delete;

 private:
  const CopyPtr copy_;
};

// A client that goes before the end takes the guest's part with it.
asio::awaitable<void> watch(CopyPtr copy) {
  co_await copy->channel->wait_gone();
  if (!copy->done) copy->stream->reset();
}

asio::awaitable<void> give(CopyPtr copy, std::span<const uint8_t> part) {
  const GuestsTurn turn(copy);
  co_await copy->stream->write(part);
}

asio::awaitable<size_t> take(CopyPtr copy, std::span<uint8_t> into) {
  const GuestsTurn turn(copy);
  const size_t count = co_await copy->stream->read_some(into);
  co_return count;
}

// The guest's verdict is waited for beside this, without a limit of its own: a client may take its time. So the last
// turn, which begins with the archive's end, lasts until the verdict is there.
asio::awaitable<void> send_all(CopyPtr copy, std::shared_ptr<std::optional<GuestsTurn>> last_turn) {
  std::vector<uint8_t> buffer(kCopyBytes);
  while (const size_t count = co_await copy->channel->read_some(buffer)) {
    const std::span<const uint8_t> part(buffer.data(), count);
    co_await give(copy, part);
  }
  co_await copy->stream->close_write();
  if (!copy->done) last_turn->emplace(copy);
}

// Beside the wait for the verdict: a guest that refuses in the middle says so without having read the rest.
asio::awaitable<void> send_in_background(CopyPtr copy, std::shared_ptr<std::optional<GuestsTurn>> last_turn) {
  try {
    co_await send_all(copy, last_turn);
  } catch (const std::exception&) {
    // The guest's answer, or its absence, is what the client gets to know.
  }
}

// One line for the client: all is unpacked, or why not.
asio::awaitable<base::Json> verdict_of(CopyPtr copy) {
  base::Json line{{"ok", true}};
  try {
    base::Json answer = co_await link::read_message(*copy->stream);
    link::checked_answer(std::move(answer), "cannot unpack in the sandbox");
  } catch (const base::Error& error) {
    line = base::Json{{"error", base::escaped(error.problem())}, {"hint", ""}};
  }
  if (copy->late) {
    const link::NoAnswer late("cannot go on copying into the sandbox");
    line = base::Json{{"error", late.problem()}, {"hint", late.hint()}};
  }
  co_return line;
}

}  // namespace

asio::awaitable<void> serve_copy_in(CopyEnds ends, std::chrono::milliseconds patience) {
  const auto executor = co_await asio::this_coro::executor;
  const auto copy = std::make_shared<Copy>(std::move(ends), patience, executor);
  const auto last_turn = std::make_shared<std::optional<GuestsTurn>>();
  asio::co_spawn(executor, watch(copy), asio::detached);
  asio::co_spawn(executor, send_in_background(copy, last_turn), asio::detached);
  const base::Json line = co_await verdict_of(copy);
  copy->done = true;
  last_turn->reset();
  try {
    const std::string text = base::to_line(line) + "\n";
    const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
    co_await copy->channel->write(bytes);
  } catch (const std::exception&) {
    // The client has gone.
  }
  copy->channel->shutdown_write();
  // One that still sends is to stop and read that.
  copy->channel->shutdown_read();
}

asio::awaitable<void> serve_copy_out(CopyEnds ends, std::chrono::milliseconds patience) {
  const auto executor = co_await asio::this_coro::executor;
  const auto copy = std::make_shared<Copy>(std::move(ends), patience, executor);
  asio::co_spawn(executor, watch(copy), asio::detached);
  try {
    std::vector<uint8_t> buffer(kCopyBytes);
    while (const size_t count = co_await take(copy, buffer)) {
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
