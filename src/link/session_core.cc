// SPDX-License-Identifier: Apache-2.0

#include "link/session_core.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>

#include "base/scope.h"

namespace caisson::link {

namespace {

// How long an end waits for the other end to take what was written before it, and how long a transport that cannot be
// written to is still read from for the reason.
constexpr std::chrono::seconds kPatience{2};

Limits at_least_the_spec(Limits limits) {
  limits.window_bytes = std::max(limits.window_bytes, kInitialWindowBytes);
  return limits;
}

// A well-behaved other end can make four frames due for each stream (SYN or ACK, window update, FIN, RST).
size_t control_bound(const Limits& limits) {
  return std::max<size_t>(64U << 10, size_t{4} * kFrameHeaderBytes * limits.max_streams);
}

}  // namespace

SessionCore::SessionCore(asio::any_io_executor executor, std::unique_ptr<Transport> transport, Role role, Limits limits)
    : executor_(executor),
      transport_(std::move(transport)),
      role_(role),
      limits_(at_least_the_spec(limits)),
      max_control_bytes_(control_bound(limits_)),
      pool_(std::make_shared<QueuePool>()),
      writer_(
          executor, *transport_, [this] { return shared_from_this(); },
          [this](std::string reason) { on_write_failure(std::move(reason)); }),
      patience_(executor),
      next_id_(role == Role::kClient ? 1 : 2),
      acceptable_(executor),
      openable_(executor) {}

base::Error SessionCore::ended_error() const {
  return base::Error(reason_.empty() ? "the link was closed" : "the link ended: " + reason_);
}

asio::awaitable<StreamPtr> SessionCore::open(Alive alive) {
  while (true) {
    if (ended_) throw ended_error();
    if (streams_.size() >= limits_.max_streams)
      throw base::Error("cannot open a stream on the link: " + std::to_string(limits_.max_streams) +
                        " are open already");
    if (next_id_ > UINT32_MAX - 2) throw base::Error("cannot open a stream on the link: all stream ids are used up");
    if (unacknowledged_ >= limits_.max_unacknowledged) {
      co_await openable_.wait();
    } else if (writer_.control_bytes() > max_control_bytes_) {
      co_await writer_.progress().wait();
    } else {
      break;
    }
  }
  const StreamStatePtr stream = add_stream(next_id_);
  next_id_ += 2;
  stream->acknowledged = false;
  ++unacknowledged_;
  grant(*stream, kSyn, limits_.window_bytes - kInitialWindowBytes);
  co_return std::make_shared<Stream>(alive, stream);
}

asio::awaitable<StreamPtr> SessionCore::accept(Alive alive) {
  while (waiting_accepts_.empty()) {
    if (ended_) throw ended_error();
    co_await acceptable_.wait();
  }
  const StreamStatePtr stream = std::move(waiting_accepts_.front());
  waiting_accepts_.pop_front();
  grant(*stream, kAck, limits_.window_bytes - kInitialWindowBytes);
  co_return std::make_shared<Stream>(alive, stream);
}

asio::awaitable<void> SessionCore::readable([[maybe_unused]] Alive alive, StreamStatePtr stream) {
  while (stream->incoming.size() == 0 && !stream->fin_received && !stream->broken()) co_await stream->readable.wait();
}

asio::awaitable<size_t> SessionCore::read_some(Alive alive, StreamStatePtr stream, std::span<uint8_t> into) {
  if (into.empty()) co_return 0;
  while (stream->incoming.size() == 0) {
    if (stream->fin_received) co_return 0;
    if (stream->broken()) throw base::Error(stream->broken_because);
    co_await readable(alive, stream);
  }
  const size_t taken = stream->incoming.take(into);
  note_taken(*stream, taken);
  co_return taken;
}

void SessionCore::consume(const StreamStatePtr& stream, size_t bytes) {
  note_taken(*stream, stream->incoming.drop(bytes));
}

void SessionCore::note_taken(StreamState& stream, size_t bytes) {
  buffered_ -= bytes;
  stream.consumed += static_cast<uint32_t>(bytes);
  if (stream.consumed >= limits_.window_bytes / 2 && !stream.fin_received && !stream.broken())
    grant(stream, 0, std::exchange(stream.consumed, 0));
}

asio::awaitable<void> SessionCore::write([[maybe_unused]] Alive alive, StreamStatePtr stream,
                                         std::span<const uint8_t> from) {
  if (stream->broken()) throw base::Error(stream->broken_because);
  if (stream->fin_sent) throw base::Error("cannot write to a stream of the link after its end was sent");
  if (!stream->outgoing.empty()) throw base::Error("two writers use one stream of the link");
  stream->outgoing = from;
  const base::Scope forget_memory([&stream] { stream->outgoing = {}; });
  writer_.enqueue(stream);
  writer_.pump();
  while (!stream->outgoing.empty()) {
    co_await stream->writable.wait();
    if (stream->broken()) throw base::Error(stream->broken_because);
  }
}

asio::awaitable<void> SessionCore::close_write([[maybe_unused]] Alive alive, StreamStatePtr stream) {
  while (!stream->outgoing.empty()) co_await stream->writable.wait();
  if (stream->broken()) throw base::Error(stream->broken_because);
  if (stream->fin_sent) co_return;
  stream->fin_sent = true;
  send(FrameType::kWindowUpdate, kFin, stream->id, 0);
  if (stream->finished()) forget(*stream);
}

void SessionCore::reset(const StreamStatePtr& stream) {
  if (stream->finished()) return;
  break_stream(*stream, "the stream of the link was reset");
  discard_incoming(*stream);
  forget(*stream);
  send(FrameType::kWindowUpdate, kRst, stream->id, 0);
}

void SessionCore::drop(const StreamStatePtr& stream) {
  reset(stream);
  discard_incoming(*stream);
}

void SessionCore::send(FrameType type, uint16_t flags, uint32_t stream, uint32_t length) {
  writer_.control({.type = type, .flags = flags, .stream = stream, .length = length});
}

void SessionCore::grant(StreamState& stream, uint16_t flags, uint32_t bytes) {
  if (stream.broken()) return;
  stream.receive_window += bytes;
  send(FrameType::kWindowUpdate, flags, stream.id, bytes);
}

StreamStatePtr SessionCore::add_stream(uint32_t id) {
  auto stream = std::make_shared<StreamState>(id, executor_, pool_);
  streams_.emplace(id, stream);
  return stream;
}

void SessionCore::forget(StreamState& stream) {
  if (!stream.acknowledged) {
    stream.acknowledged = true;
    --unacknowledged_;
    openable_.notify_one();
  }
  if (!opened_here(stream.id)) --streams_from_other_end_;
  streams_.erase(stream.id);
}

void SessionCore::break_stream(StreamState& stream, std::string because) {
  stream.broken_because = std::move(because);
  stream.outgoing = {};
  stream.readable.notify_all();
  stream.writable.notify_all();
  if (const auto told = std::exchange(stream.on_broken, {})) told();
}

void SessionCore::discard_incoming(StreamState& stream) {
  buffered_ -= stream.incoming.size();
  stream.incoming.clear();
}

void SessionCore::close() {
  end({}, Farewell::kNormal);
}

void SessionCore::end(std::string reason, Farewell farewell) {
  if (ended_) return;
  ended_ = true;
  reason_ = std::move(reason);
  const std::string because = ended_error().problem();
  const auto streams = std::exchange(streams_, {});
  for (const auto& [id, stream] : streams) {
    break_stream(*stream, because);
    // What came before the other end went is still to be read: the exit code of a command may be in it.
    if (farewell != Farewell::kNone) discard_incoming(*stream);
  }
  for (const StreamStatePtr& stream : std::exchange(waiting_accepts_, {})) discard_incoming(*stream);
  acceptable_.notify_all();
  openable_.notify_all();
  say_farewell(farewell);
}

void SessionCore::say_farewell(Farewell farewell) {
  if (farewell != Farewell::kNone) {
    const auto code = farewell == Farewell::kNormal ? GoAwayCode::kNormal : GoAwayCode::kProtocolError;
    send(FrameType::kGoAway, 0, 0, static_cast<uint32_t>(code));
    writer_.pump();
  }
  if (farewell != Farewell::kNormal || writer_.drained()) {
    close_transport();
    return;
  }
  patience_.expires_after(kPatience);
  patience_.async_wait([this, alive = shared_from_this()](boost::system::error_code cancelled) {
    if (!cancelled) close_transport();
  });
  asio::co_spawn(executor_, close_when_drained(shared_from_this()), asio::detached);
}

asio::awaitable<void> SessionCore::close_when_drained([[maybe_unused]] Alive alive) {
  while (!writer_.drained() && !transport_closed_) co_await writer_.progress().wait();
  close_transport();
}

void SessionCore::close_transport() {
  if (transport_closed_) return;
  transport_closed_ = true;
  patience_.cancel();
  writer_.stop();
  transport_->close();
}

// The reader knows more than the writer: the other end's reason may be waiting to be read. Where it does not end by
// itself, the failed write ends the session.
void SessionCore::on_write_failure(std::string reason) {
  if (ended_) return;
  patience_.expires_after(kPatience);
  patience_.async_wait([this, alive = shared_from_this(), reason](boost::system::error_code cancelled) {
    if (!cancelled) end(reason, Farewell::kNone);
  });
}

}  // namespace caisson::link
