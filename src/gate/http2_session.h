// SPDX-License-Identifier: Apache-2.0

// One end of an HTTP/2 connection: nghttp2 with the gate's limits. It turns bytes into events and back; it does not
// read, write or wait.
//
// A body's bytes count against the sender's window until taken() is called for them, so that whoever cannot pass them
// on makes the sender wait. What nghttp2 bounds by itself: CONTINUATION frames of a head, answers to PING and SETTINGS
// that wait to be sent, entries of one SETTINGS, streams that were closed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gate/http2_fields.h"

struct nghttp2_session;

namespace caisson::gate {

struct Http2Callbacks;

struct Http2Limits {
  static constexpr uint32_t kStreams = 100;                   // of a client at a time
  static constexpr size_t kHeadBytes = 65536;                 // of a head or trailers (list_bytes)
  static constexpr size_t kHeldRequests = 8;                  // that wait for the server to have room for more streams
  static constexpr uint32_t kStreamWindow = 256U << 10;       // of a body, that wait to be passed on
  static constexpr uint32_t kConnectionWindow = 1024U << 10;  // of all bodies of a connection
  static constexpr size_t kWaitingFrames = 1000;              // to be sent, without bodies, before nothing more is read
  static constexpr size_t kWaitingHeads = 256U << 10;         // bytes of heads to be sent, before nothing more is read
};

struct Http2Head {
  Http2Fields fields;
  std::string problem;  // "": none. Too long, or with a field that is not allowed; `fields` has not all then
  bool last = false;    // no body follows
};

// What next_piece() has put there.
struct Http2Piece {
  enum class Then : uint8_t { kMore, kEnd, kTrailers };
  size_t size = 0;  // 0 and kMore: later, when resume() is called
  Then then = Then::kMore;
  Http2Fields trailers = {};
};

// Called from within feed() and output(); may call the session's methods, but those two.
class Http2Events {
 public:
  virtual ~Http2Events() = default;

  virtual void on_head(int32_t stream, Http2Head head) = 0;
  virtual void on_data(int32_t stream, std::string_view bytes) = 0;
  // The body's end, where no trailers said it.
  virtual void on_end(int32_t stream) = 0;
  // The other end broke the rules; the stream is being closed.
  virtual void on_malformed(int32_t stream, const std::string& problem) = 0;
  virtual void on_reset(int32_t stream, uint32_t code) = 0;
  // Nothing more passes on it. `code` is NGHTTP2_NO_ERROR where both directions had ended.
  virtual void on_closed(int32_t stream, uint32_t code) = 0;
  virtual void on_goaway(uint32_t code) = 0;
  // The last frame of this direction was handed to output().
  virtual void on_last_sent(int32_t stream) = 0;
  virtual Http2Piece next_piece(int32_t stream, std::span<uint8_t> into) = 0;
};

class Http2Session {
 public:
  enum class Role : uint8_t { kServer, kClient };  // the gate's

  Http2Session(Role role, Http2Events& events);
  ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  // What has arrived. Throws base::Error where the other end speaks no HTTP/2, or floods.
  void feed(std::span<const uint8_t> bytes);
  // What is to be sent now, some more than `most` bytes; empty: nothing.
  std::string output(size_t most);
  // Nothing more is to be read or written.
  bool over() const;
  // Why it is over, for what the other end did; "" where it ended orderly.
  const std::string& problem() const { return problem_; }
  // The other end has spoken HTTP/2.
  bool met() const { return met_; }
  // A head has begun to arrive.
  bool in_head() const { return in_head_; }
  // And has so many bytes until now.
  size_t head_bytes() const { return in_head_ ? head_bytes_ : 0; }
  // Too much waits to be sent: whatever makes more of it has to wait.
  bool is_full() const;

  // That the other end takes at a time. Before it has said so they wait here.
  size_t most_streams() const;

  // Differs when one of the methods below was called since, or it is less full.
  uint64_t changes() const { return changes_; }

  // A new stream, of which next_piece() is asked unless `last`.
  int32_t request(const Http2Fields& fields, bool last);
  // An interim answer; the answer, of which next_piece() is asked unless `last`.
  void interim(int32_t stream, const Http2Fields& fields);
  void answer(int32_t stream, const Http2Fields& fields, bool last);
  void resume(int32_t stream);
  void reset(int32_t stream, uint32_t code);
  // Bytes of on_data() that no longer wait here.
  void taken(int32_t stream, size_t bytes);
  // No new streams; those that are open go on.
  void go_away(uint32_t code);
  // The end of all, when what waits was sent.
  void terminate(uint32_t code);

 private:
  friend struct Http2Callbacks;

  void collect(Http2Field field);
  void check(int result) const;

  Http2Events& events_;
  nghttp2_session* session_ = nullptr;
  Http2Head head_;  // that arrives; heads never overlap
  size_t head_bytes_ = 0;
  bool in_head_ = false;
  bool met_ = false;
  size_t waiting_heads_ = 0;
  uint64_t changes_ = 0;
  bool ends_by_itself_ = false;  // go_away() or terminate() was called
  std::string problem_;
};

}  // namespace caisson::gate
