// SPDX-License-Identifier: Apache-2.0

// The receiving half of a session: one coroutine reads frames and does what they say. Everything here is fed by a
// hostile other end: a frame that breaks the rules throws a base::Error with the rule, and run() ends the session with
// it.
//
// How much is read at once: a header, or a payload and the header behind it. Never more, so that no byte behind a
// GoAway is taken from the port (a session's last frame is a GoAway, which has no payload). For bulk data that is one
// system call a frame, straight into the stream's memory. What of a payload is there already is read without a turn of
// the event loop; every so often, and when a stream was opened, the others get theirs all the same.

#include <algorithm>
#include <array>

#include "link/session_core.h"

namespace caisson::link {

namespace {

constexpr int kMostPayloadsAtOnce = 16;

std::string on_stream(uint32_t id) {
  return " on stream " + std::to_string(id);
}

}  // namespace

asio::awaitable<std::string> SessionCore::run([[maybe_unused]] Alive alive) {
  if (std::exchange(running_, true)) throw base::Error("a session of the link was run twice");
  try {
    co_await read_frames();
  } catch (const base::Error& error) {
    end(error.problem(), Farewell::kProtocolError);
  } catch (...) {  // this coroutine was cancelled, or memory ran out
    end("its reader was stopped", Farewell::kNone);
    throw;
  }
  while (!transport_closed_ || !writer_.drained()) co_await writer_.progress().wait();
  co_return reason_;
}

// Returns when the session has ended; throws for what ends it with a protocol error.
asio::awaitable<void> SessionCore::read_frames() {
  FrameHeader header;
  size_t have = 0;
  while (co_await read_header(header, have)) {
    have = 0;
    const Frame frame = decode_frame(header);
    if (frame.type == FrameType::kPing) {
      on_ping(frame);
    } else if (frame.type == FrameType::kGoAway) {
      on_go_away(frame);
    } else {
      const StreamStatePtr stream = stream_of(frame);
      on_ack(frame, stream);
      if (frame.type == FrameType::kWindowUpdate) {
        on_window_update(frame, stream);
      } else {
        on_data_begin(frame, stream);
        if (frame.length > 0) have = co_await read_payload(stream, frame.length, header);
      }
      if (!ended_) on_fin_or_rst(frame, stream);
    }
    // An other end that asks and asks and does not read the answers is not listened to until it does.
    while (!ended_ && writer_.control_bytes() > max_control_bytes_) co_await writer_.progress().wait();
  }
}

// False when the session has ended.
asio::awaitable<bool> SessionCore::read_header(FrameHeader& header, size_t have) {
  while (!ended_ && have < header.size()) {
    const size_t got = co_await read_transport(std::span(header).subspan(have));
    if (got == 0) end(have == 0 ? "" : "the byte stream ended inside a frame", Farewell::kNone);
    have += got;
  }
  co_return !ended_;
}

// Reads the payload into the stream (or nowhere, when there is none) and returns how many bytes of the next header came
// with it.
asio::awaitable<size_t> SessionCore::read_payload(StreamStatePtr stream, uint32_t length, FrameHeader& next) {
  std::array<uint8_t, 4096> nowhere;
  size_t missing = length;
  while (missing > 0) {
    const bool keep = stream && !stream->broken();
    std::span<uint8_t> room = std::span(nowhere).first(std::min(nowhere.size(), missing + next.size()));
    if (keep) room = stream->incoming.prepare(missing + next.size());
    size_t got = ++payloads_at_once_ <= kMostPayloadsAtOnce ? transport_->try_read(room) : 0;
    if (got == 0) {
      payloads_at_once_ = 0;
      got = co_await read_transport(room);
    }
    if (got == 0) end("the byte stream ended inside a frame", Farewell::kNone);
    const size_t payload = std::min(got, missing);
    const size_t of_next = got - payload;
    std::copy_n(room.begin() + static_cast<std::ptrdiff_t>(payload), of_next, next.begin());
    missing -= payload;
    if (keep) {
      const bool wanted = !stream->broken();
      stream->incoming.commit(wanted ? payload : 0);
      if (wanted) buffered_ += payload;
      if (wanted) stream->readable.notify_all();
    }
    if (ended_) co_return 0;
    if (of_next > 0) co_return of_next;
  }
  co_return 0;
}

// 0 at the end of the byte stream, however it came.
asio::awaitable<size_t> SessionCore::read_transport(std::span<uint8_t> into) {
  try {
    co_return co_await transport_->read_some(into);
  } catch (const base::Error& error) {
    // A socket whose other end went without reading everything says so instead of ending.
    const bool gone = error.errnum() == ECONNRESET || error.errnum() == EPIPE;
    if (!gone) end(error.problem(), Farewell::kNone);
  }
  co_return 0;
}

StreamStatePtr SessionCore::stream_of(const Frame& frame) {
  if (frame.has(kSyn)) return opened_by_other_end(frame);
  const auto found = streams_.find(frame.stream);
  if (found != streams_.end()) return found->second;
  // One that was reset or finished here may still be spoken of by frames that were under way.
  const bool existed = opened_here(frame.stream) ? frame.stream < next_id_ : frame.stream <= highest_from_other_end_;
  if (!existed) throw base::Error("a frame" + on_stream(frame.stream) + ", which was never opened");
  return nullptr;
}

StreamStatePtr SessionCore::opened_by_other_end(const Frame& frame) {
  if (opened_here(frame.stream)) throw base::Error("a SYN" + on_stream(frame.stream) + ", an id of this end");
  if (streams_.contains(frame.stream)) throw base::Error("a second SYN" + on_stream(frame.stream));
  if (streams_from_other_end_ >= limits_.max_streams)
    throw base::Error("more than " + std::to_string(limits_.max_streams) + " streams at once");
  // Not "must grow": implementations that open from several threads send their SYNs in any order.
  highest_from_other_end_ = std::max(highest_from_other_end_, frame.stream);
  if (waiting_accepts_.size() >= limits_.max_waiting_accepts) {
    send(FrameType::kWindowUpdate, kRst, frame.stream, 0);
    return nullptr;
  }
  StreamStatePtr stream = add_stream(frame.stream);
  ++streams_from_other_end_;
  waiting_accepts_.push_back(stream);
  payloads_at_once_ = kMostPayloadsAtOnce;
  acceptable_.notify_one();
  return stream;
}

void SessionCore::on_ack(const Frame& frame, const StreamStatePtr& stream) {
  if (!frame.has(kAck)) return;
  if (!opened_here(frame.stream)) throw base::Error("an ACK" + on_stream(frame.stream) + ", which was not opened here");
  if (!stream || stream->acknowledged) return;
  stream->acknowledged = true;
  --unacknowledged_;
  openable_.notify_one();
}

void SessionCore::on_data_begin(const Frame& frame, const StreamStatePtr& stream) {
  if (frame.length > limits_.max_frame_bytes)
    throw base::Error("a data frame of " + std::to_string(frame.length) + " bytes" + on_stream(frame.stream) +
                      ", over the bound of " + std::to_string(limits_.max_frame_bytes));
  if (!stream) return;
  if (stream->fin_received && frame.length > 0) throw base::Error("data after the FIN" + on_stream(frame.stream));
  if (frame.length > stream->receive_window)
    throw base::Error("a data frame of " + std::to_string(frame.length) + " bytes" + on_stream(frame.stream) +
                      ", over the window of " + std::to_string(stream->receive_window));
  stream->receive_window -= frame.length;
  const size_t growth = stream->incoming.most_growth(frame.length + kFrameHeaderBytes);
  if (pool_->memory_bytes() + growth > limits_.max_buffered_bytes) reset(stream);
}

void SessionCore::on_window_update(const Frame& frame, const StreamStatePtr& stream) {
  if (!stream) return;
  if (frame.length > UINT32_MAX - stream->send_window)
    throw base::Error("a window of over 4 GiB" + on_stream(frame.stream));
  stream->send_window += frame.length;
  writer_.enqueue(stream);
  writer_.pump();
}

void SessionCore::on_fin_or_rst(const Frame& frame, const StreamStatePtr& stream) {
  if (!stream || stream->broken()) return;
  if (frame.has(kFin)) {
    stream->fin_received = true;
    stream->readable.notify_all();
  }
  if (frame.has(kRst)) {
    // What came before it stays readable: an end that sends its last words and drops the stream resets it, too.
    if (std::erase(waiting_accepts_, stream) > 0) discard_incoming(*stream);
    break_stream(*stream, "the other end of the link reset the stream");
  }
  if (stream->finished()) forget(*stream);
}

void SessionCore::on_ping(const Frame& frame) {
  if (frame.has(kSyn)) send(FrameType::kPing, kAck, 0, frame.length);
}

void SessionCore::on_go_away(const Frame& frame) {
  switch (static_cast<GoAwayCode>(frame.length)) {
    case GoAwayCode::kNormal:
      return end("", Farewell::kNone);
    case GoAwayCode::kProtocolError:
      return end("the other end reports a protocol error", Farewell::kNone);
    case GoAwayCode::kInternalError:
      return end("the other end reports an internal error", Farewell::kNone);
  }
  throw base::Error("a GoAway with the unknown code " + std::to_string(frame.length));
}

}  // namespace caisson::link
