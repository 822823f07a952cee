// SPDX-License-Identifier: Apache-2.0

#include "link/relay.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <vector>

#include "base/error.h"
#include "link/event.h"

namespace caisson::link {
namespace {

constexpr size_t kBufferBytes = 64U << 10;
constexpr size_t kSpareBuffers = 16;

// A buffer for as long as bytes are under way; the last few that were given back are kept.
class Buffer {
 public:
  Buffer() : bytes_(take()) {}
  ~Buffer() {
    if (spare().size() < kSpareBuffers) spare().push_back(std::move(bytes_));
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::span<uint8_t> all() { return {bytes_.get(), kBufferBytes}; }
  std::span<const uint8_t> first(size_t size) const { return {bytes_.get(), size}; }

 private:
  using Bytes = std::unique_ptr<uint8_t[]>;
  static std::vector<Bytes>& spare() {
    thread_local std::vector<Bytes> buffers;
    return buffers;
  }
  static Bytes take() {
    if (spare().empty()) return std::make_unique_for_overwrite<uint8_t[]>(kBufferBytes);
    Bytes bytes = std::move(spare().back());
    spare().pop_back();
    return bytes;
  }

  Bytes bytes_;
};

struct Relay {
  Relay(const asio::any_io_executor& executor, StreamPtr relayed_stream, std::shared_ptr<Descriptor> relayed_socket,
        std::shared_ptr<RelayFilter> relay_filter)
      : stream(std::move(relayed_stream)),
        socket(std::move(relayed_socket)),
        filter(std::move(relay_filter)),
        done(executor) {}

  void fail(const char* why) {
    if (end.failure.empty()) end.failure = why;
    stream->reset();
    abort_socket(*socket);
  }

  StreamPtr stream;
  std::shared_ptr<Descriptor> socket;
  std::shared_ptr<RelayFilter> filter;
  RelayEnd end;
  Event done;
  bool to_stream_ended = false;
};

bool lets_by(Relay& relay, Way way, size_t bytes) {
  return !relay.filter || relay.filter->lets_by(way, bytes);
}

enum class Piece { kMore, kAll, kEnd };

// What the socket has now, or the most of it that is passed on at once.
asio::awaitable<Piece> pass_to_stream(Relay& relay) {
  Buffer buffer;
  const std::span<uint8_t> all = buffer.all();
  const ssize_t got = ::recv(open_socket(*relay.socket), all.data(), all.size(), 0);
  if (got == 0) co_return Piece::kEnd;
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) co_return Piece::kAll;
  if (got < 0) throw base::system_error("cannot receive from", "connection");
  const auto size = static_cast<size_t>(got);
  std::span<const uint8_t> piece = buffer.first(size);
  const bool as_it_is = lets_by(relay, Way::kToStream, size);
  if (!as_it_is) piece = co_await relay.filter->pass(Way::kToStream, piece);
  relay.end.to_stream_bytes += piece.size();
  if (!piece.empty()) co_await relay.stream->write(piece);
  if (!as_it_is) relay.filter->went_on(Way::kToStream);
  co_return size == all.size() ? Piece::kMore : Piece::kAll;
}

asio::awaitable<void> to_stream(std::shared_ptr<Relay> relay) {
  try {
    Piece piece = Piece::kMore;
    while (piece != Piece::kEnd) {
      piece = co_await pass_to_stream(*relay);
      if (piece == Piece::kAll) co_await relay->socket->readable();
    }
    co_await relay->stream->close_write();
  } catch (const std::exception& error) {
    relay->fail(error.what());
  }
  relay->to_stream_ended = true;
  relay->done.notify_all();
}

// The first `size` bytes that the stream has, from where they are.
asio::awaitable<void> send_as_it_is(Relay& relay, size_t size) {
  while (size > 0) {
    // While it waits the link may have moved them, and a reset throws them away.
    std::span<const uint8_t> bytes = relay.stream->peek();
    if (bytes.empty()) throw base::Error("the stream of the link was reset");
    bytes = bytes.first(std::min(bytes.size(), size));
    const ssize_t put = ::send(open_socket(*relay.socket), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    const int errnum = errno;
    if (put >= 0) {
      relay.stream->consume(static_cast<size_t>(put));
      size -= static_cast<size_t>(put);
      relay.end.from_stream_bytes += static_cast<size_t>(put);
    } else if (errnum == EAGAIN) {
      co_await relay.socket->writable();
    } else if (errnum != EINTR) {
      throw base::system_error("cannot send to", "connection", errnum);
    }
  }
}

asio::awaitable<bool> pass_from_stream(Relay& relay) {
  const size_t there = relay.stream->peek().size();
  if (there != 0 && lets_by(relay, Way::kFromStream, there)) {
    co_await send_as_it_is(relay, there);
    co_return true;
  }
  Buffer buffer;
  const size_t size = co_await relay.stream->read_some(buffer.all());
  if (size == 0) co_return false;
  std::span<const uint8_t> piece = buffer.first(size);
  if (relay.filter) piece = co_await relay.filter->pass(Way::kFromStream, piece);
  relay.end.from_stream_bytes += piece.size();
  co_await send_all(*relay.socket, piece);
  if (relay.filter) relay.filter->went_on(Way::kFromStream);
  co_return true;
}

asio::awaitable<void> from_stream(Relay& relay) {
  try {
    bool more = true;
    while (more) {
      co_await relay.stream->readable();
      more = co_await pass_from_stream(relay);
    }
    if (::shutdown(open_socket(*relay.socket), SHUT_WR) != 0) throw base::system_error("cannot end", "connection");
  } catch (const std::exception& error) {
    relay.fail(error.what());
  }
}

}  // namespace

int open_socket(Descriptor& socket) {
  if (!socket.is_open()) throw base::Error("the connection was closed");
  return socket.get();
}

asio::awaitable<void> send_all(Descriptor& socket, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::send(open_socket(socket), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    const int errnum = errno;
    if (put >= 0) {
      bytes = bytes.subspan(static_cast<size_t>(put));
    } else if (errnum == EAGAIN) {
      co_await socket.writable();
    } else if (errnum != EINTR) {
      throw base::system_error("cannot send to", "connection", errnum);
    }
  }
}

void abort_socket(Descriptor& socket) {
  if (!socket.is_open()) return;
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  socket.close();
}

asio::awaitable<RelayEnd> relay(StreamPtr stream, std::shared_ptr<Descriptor> socket,
                                std::shared_ptr<RelayFilter> filter) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto relay = std::make_shared<Relay>(executor, std::move(stream), std::move(socket), std::move(filter));
  asio::co_spawn(executor, to_stream(relay), asio::detached);
  co_await from_stream(*relay);
  while (!relay->to_stream_ended) co_await relay->done.wait();
  relay->socket->close();
  co_return relay->end;
}

// No default argument: g++ 12 frees one twice in a co_await expression.
asio::awaitable<RelayEnd> relay(StreamPtr stream, std::shared_ptr<Descriptor> socket) {
  return relay(std::move(stream), std::move(socket), nullptr);
}

}  // namespace caisson::link
