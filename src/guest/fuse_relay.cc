// SPDX-License-Identifier: Apache-2.0

#include "guest/fuse_relay.h"

#include <linux/fuse.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "guest/fuse_messages.h"
#include "guest/fuse_notices.h"
#include "link/event.h"

namespace caisson::guest {
namespace {

struct Relay {
  Relay(const asio::any_io_executor& executor, link::StreamPtr its_stream, base::Fd its_device,
        std::shared_ptr<Mounted> mounted)
      : stream(std::move(its_stream)),
        notices(its_device.duplicate(), std::move(mounted)),
        device(executor, std::move(its_device)),
        done(executor) {}

  link::StreamPtr stream;
  FuseNotices notices;
  Descriptor device;
  link::Event done;
  bool to_host_ended = false;
};

// The kernel hands out one whole request for each read(2).
asio::awaitable<void> pass_requests(Relay& relay) {
  const auto buffer = std::make_unique_for_overwrite<uint8_t[]>(link::kMostFuseBytes);
  while (relay.device.is_open()) {
    const ssize_t got = ::read(relay.device.get(), buffer.get(), link::kMostFuseBytes);
    const int errnum = errno;
    if (got > 0) {
      const std::span<const uint8_t> request(buffer.get(), static_cast<size_t>(got));
      co_await relay.stream->write(request);
    } else if (got < 0 && errnum == EAGAIN) {
      co_await relay.device.readable();
    } else if (got == 0 || (errnum != EINTR && errnum != ENOENT)) {
      co_return;  // ENODEV: it was unmounted. ENOENT is a request that was withdrawn meanwhile.
    }
  }
}

asio::awaitable<void> to_host(std::shared_ptr<Relay> relay) {
  try {
    co_await pass_requests(*relay);
    co_await relay->stream->close_write();
  } catch (const base::Error&) {
    // The stream has ended, which the other direction sees, too.
  }
  relay->device.close();
  relay->to_host_ended = true;
  relay->done.notify_all();
}

void deliver(Relay& relay, std::span<const uint8_t> message) {
  fuse_out_header header{};
  std::memcpy(&header, message.data(), sizeof header);
  if (header.unique == 0) return relay.notices.add(message);
  if (!relay.device.is_open()) throw base::Error("the file system was unmounted");
  const ssize_t put = ::write(relay.device.get(), message.data(), message.size());
  // ENOENT: whoever asked was interrupted. An answer that the kernel does not take would be waited for for ever.
  if (put < 0 && errno != ENOENT && errno != EINTR) throw base::system_error("cannot answer", "FUSE request");
}

asio::awaitable<void> from_host(Relay& relay) {
  try {
    FuseMessages messages;
    while (true) {
      const std::span<uint8_t> room = messages.room();
      const size_t got = co_await relay.stream->read_some(room);
      if (got == 0) break;
      messages.add(got);
      while (const auto message = messages.take()) deliver(relay, *message);
    }
  } catch (const base::Error&) {
    relay.stream->reset();
  }
  relay.device.close();
}

}  // namespace

asio::awaitable<void> relay_fuse(link::StreamPtr stream, base::Fd device, std::shared_ptr<Mounted> mounted) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto relay = std::make_shared<Relay>(executor, std::move(stream), std::move(device), std::move(mounted));
  asio::co_spawn(executor, to_host(relay), asio::detached);
  co_await from_host(*relay);
  while (!relay->to_host_ended) co_await relay->done.wait();
}

}  // namespace caisson::guest
