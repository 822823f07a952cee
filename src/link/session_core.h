// SPDX-License-Identifier: Apache-2.0

// The heart of a session, shared by the Session, its Streams and its running coroutines. session.h is the contract;
// this header is for the link's own files.
//
//   session_core.cc    the streams' calls, opening, accepting, ending
//   session_reader.cc  run(): what the other end's frames do
//   writer.cc          which frame leaves next
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <unordered_map>

#include "base/error.h"
#include "link/session.h"
#include "link/stream_state.h"
#include "link/writer.h"

namespace caisson::link {

using StreamStatePtr = std::shared_ptr<StreamState>;

// Coroutines take a reference to the core as their first parameter: their callers may drop the Session or the Stream
// while they wait.
class SessionCore : public std::enable_shared_from_this<SessionCore> {
 public:
  SessionCore(asio::any_io_executor executor, std::unique_ptr<Transport> transport, Role role, Limits limits);

  using Alive = std::shared_ptr<SessionCore>;
  SessionCore(const SessionCore&) = delete;
  SessionCore& operator=(const SessionCore&) = delete;

  asio::awaitable<std::string> run(Alive alive);
  asio::awaitable<StreamPtr> open(Alive alive);
  asio::awaitable<StreamPtr> accept(Alive alive);
  void close();

  bool ended() const { return ended_; }
  size_t stream_count() const { return streams_.size(); }
  size_t buffered_bytes() const { return buffered_; }

  asio::awaitable<void> readable(Alive alive, StreamStatePtr stream);
  asio::awaitable<size_t> read_some(Alive alive, StreamStatePtr stream, std::span<uint8_t> into);
  void consume(const StreamStatePtr& stream, size_t bytes);
  asio::awaitable<void> write(Alive alive, StreamStatePtr stream, std::span<const uint8_t> from);
  asio::awaitable<void> close_write(Alive alive, StreamStatePtr stream);
  void reset(const StreamStatePtr& stream);
  // Its user is gone: resets it unless it is finished, and frees what was not read.
  void drop(const StreamStatePtr& stream);

 private:
  asio::awaitable<void> read_frames();
  asio::awaitable<bool> read_header(FrameHeader& header, size_t have);
  asio::awaitable<size_t> read_payload(StreamStatePtr stream, uint32_t length, FrameHeader& next);
  asio::awaitable<size_t> read_transport(std::span<uint8_t> into);
  StreamStatePtr stream_of(const Frame& frame);
  StreamStatePtr opened_by_other_end(const Frame& frame);
  void on_data_begin(const Frame& frame, const StreamStatePtr& stream);
  void on_window_update(const Frame& frame, const StreamStatePtr& stream);
  void on_ping(const Frame& frame);
  void on_go_away(const Frame& frame);
  void on_ack(const Frame& frame, const StreamStatePtr& stream);
  void on_fin_or_rst(const Frame& frame, const StreamStatePtr& stream);
  bool opened_here(uint32_t id) const { return (id & 1) == (role_ == Role::kClient ? 1U : 0U); }

  void note_taken(StreamState& stream, size_t bytes);
  void send(FrameType type, uint16_t flags, uint32_t stream, uint32_t length);
  void grant(StreamState& stream, uint16_t flags, uint32_t bytes);
  StreamStatePtr add_stream(uint32_t id);
  void forget(StreamState& stream);
  // Every waiting and later call throws `because`; what was received stays readable.
  void break_stream(StreamState& stream, std::string because);
  void discard_incoming(StreamState& stream);

  // What is to be told to the other end about the end of the session.
  enum class Farewell { kNone, kNormal, kProtocolError };
  // The one way in which a session ends. A normal farewell waits for what was written before, up to kPatience; another
  // one leaves at once or not at all.
  void end(std::string reason, Farewell farewell);
  void say_farewell(Farewell farewell);
  asio::awaitable<void> close_when_drained(Alive alive);
  void close_transport();
  void on_write_failure(std::string reason);
  base::Error ended_error() const;

  asio::any_io_executor executor_;
  std::unique_ptr<Transport> transport_;
  const Role role_;
  const Limits limits_;
  const size_t max_control_bytes_;
  std::shared_ptr<QueuePool> pool_;
  Writer writer_;
  asio::steady_timer patience_;

  std::unordered_map<uint32_t, StreamStatePtr> streams_;
  std::deque<StreamStatePtr> waiting_accepts_;
  uint32_t next_id_;
  uint32_t highest_from_other_end_ = 0;
  uint32_t streams_from_other_end_ = 0;
  uint32_t unacknowledged_ = 0;
  size_t buffered_ = 0;
  int payloads_at_once_ = 0;

  bool ended_ = false;
  bool running_ = false;
  bool transport_closed_ = false;
  std::string reason_;
  Event acceptable_;
  Event openable_;
};

}  // namespace caisson::link
