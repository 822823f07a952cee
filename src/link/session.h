// SPDX-License-Identifier: Apache-2.0

// The link: many independent, flow-controlled streams over one byte stream, framed as yamux
// (https://github.com/hashicorp/yamux/blob/master/spec.md). Host and guest run the same code.
//
// The other end is hostile: frame lengths, window overruns, unknown types, wrong stream ids and too many streams end
// the session with a reason, and never the process. Memory is bounded by Limits.
//
// Threads: everything of one session runs on its executor's one thread. Ownership: a Session is made by start_session
// and lives until its owner drops it and its run() has ended; a Stream keeps what it needs alive and may outlive the
// session (its calls then throw).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "link/transport.h"

namespace caisson::link {

enum class Role { kClient, kServer };  // the client opens odd stream ids, the server even ones (spec: "Stream ID")

struct Limits {
  uint32_t window_bytes = 256U << 10;      // receive window of each stream; the spec's initial window, MUST be >= that
  uint32_t max_streams = 8192;             // open at once: open() throws; more from the other end end the session
  uint32_t max_waiting_accepts = 256;      // opened by the other end and not yet accepted; more are reset. 0: none ever
  uint32_t max_unacknowledged = 256;       // opened here and not yet acknowledged; open() then waits
  uint32_t max_frame_bytes = 1U << 20;     // a larger data frame ends the session
  size_t max_buffered_bytes = 256U << 20;  // memory of unread bytes; the stream whose data passes it is reset
};

class SessionCore;
struct StreamState;

// One stream. Dropping the last reference resets it if it is not finished: then the other end reads what was written,
// and instead of an end an error.
class Stream {
 public:
  Stream(std::shared_ptr<SessionCore> core, std::shared_ptr<StreamState> state);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  uint32_t id() const;
  // Until read_some would not wait: for a reader that takes its buffer only then.
  asio::awaitable<void> readable();
  // What has arrived and was not read, without waiting; valid until the next wait. For a reader that has a place for
  // the bytes already: consume() reads the first of them away.
  std::span<const uint8_t> peek() const;
  void consume(size_t bytes);
  // At least one byte, or 0 after the other end's FIN. Throws base::Error when the stream was reset or the session
  // ended.
  asio::awaitable<size_t> read_some(std::span<uint8_t> into);
  // Exactly into.size() bytes, or throws (end of stream too).
  asio::awaitable<void> read_exact(std::span<uint8_t> into);
  // All of it; waits for the other end's window. One writer at a time. Throws like read_some.
  asio::awaitable<void> write(std::span<const uint8_t> from);
  // Sends FIN: no more writes from here; reads go on.
  asio::awaitable<void> close_write();
  // Sends RST: pending calls of both ends throw. The other end can still read what it had got. Idempotent.
  void reset();
  // `told` is called once, from within whatever breaks it: a reset from either end, or the session's end. For who waits
  // for something else meanwhile. At once where it is broken; must not throw, and not call the stream.
  void on_broken(std::function<void()> told);

 private:
  std::shared_ptr<SessionCore> core_;
  std::shared_ptr<StreamState> state_;
};
using StreamPtr = std::shared_ptr<Stream>;

class Session {
 public:
  Session(asio::any_io_executor executor, std::unique_ptr<Transport> transport, Role role, Limits limits = {});
  ~Session();  // closes
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Reads frames until the session ends; to be spawned once. Returns the reason, "" for an orderly end (GoAway, close
  // or end of the byte stream); never throws for what the other end does. Not one byte behind the other end's GoAway is
  // read: it belongs to the next session on the same port.
  asio::awaitable<std::string> run();

  // A new outgoing stream. Throws when the session has ended or its limit of streams is reached; waits while as many as
  // max_unacknowledged were opened and not acknowledged yet.
  asio::awaitable<StreamPtr> open();
  // The next stream that the other end opened. Throws when the session has ended.
  asio::awaitable<StreamPtr> accept();

  // Sends GoAway and ends the session: every stream's calls throw; run() returns when what was written before has left,
  // or after two seconds. Idempotent.
  void close();
  bool ended() const;
  size_t stream_count() const;
  // Bytes held in receive buffers, for tests and metrics.
  size_t buffered_bytes() const;

 private:
  std::shared_ptr<SessionCore> core_;
};

}  // namespace caisson::link
