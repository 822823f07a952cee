// SPDX-License-Identifier: Apache-2.0

// An HTTP/2 client or server for tests, by nghttp2 without any of the gate's code. It sends what it is told to, also
// what no honest one would.
#pragma once

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gate/byte_stream.h"
#include "link/event.h"

namespace caisson::gate {

using PeerFields = std::vector<std::pair<std::string, std::string>>;

inline std::string value_of(const PeerFields& fields, std::string_view name) {
  for (const auto& [key, value] : fields) {
    if (key == name) return value;
  }
  return "(none)";
}

class Http2Peer : public std::enable_shared_from_this<Http2Peer> {
 public:
  struct Stream {
    // What has come.
    std::vector<PeerFields> heads;  // interim answers, the head, trailers
    std::string body;
    size_t body_bytes = 0;
    bool ended = false;
    std::optional<uint32_t> reset;
    std::optional<uint32_t> closed;
    // What is to be sent.
    std::string out;
    bool out_ended = false;
    PeerFields out_trailers;

    const PeerFields& head() const { return heads.at(0); }
  };
  struct Options {
    bool server = false;
    bool reads = true;         // opens windows as bodies come
    bool keeps_bodies = true;  // else only their size
    uint32_t window = 65535;   // of a stream
    uint32_t connection_window = 65535;
  };

  Http2Peer(const asio::any_io_executor& executor, ByteStreamPtr stream, Options options)
      : executor_(executor), stream_(std::move(stream)), options_(options), changed_(executor) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_peer_max_concurrent_streams(option, 1000);
    nghttp2_option_set_max_send_header_block_length(option, 16U << 20);
    const auto make = options.server ? nghttp2_session_server_new2 : nghttp2_session_client_new2;
    make(&session, callbacks, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry window{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.window};
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &window, 1);
    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                          static_cast<int32_t>(options.connection_window));
  }
  ~Http2Peer() { nghttp2_session_del(session); }
  Http2Peer(const Http2Peer&) = delete;
  Http2Peer& operator=(const Http2Peer&) = delete;

  // Reads and writes until the other end has ended; then `gone`.
  void start() {
    asio::co_spawn(executor_, read(shared_from_this()), asio::detached);
    asio::co_spawn(executor_, write(shared_from_this()), asio::detached);
  }
  asio::awaitable<void> until(std::function<bool()> holds) {
    while (!holds()) co_await changed_.wait();
  }
  void kick() { changed_.notify_all(); }
  // These bytes instead of frames of its own, behind what waits to be sent.
  void send_raw(std::string bytes) {
    raw_ += bytes;
    kick();
  }
  // As a client without the rules for heads: every one is sent. The stream's number.
  int32_t ask(const PeerFields& fields, bool last = true) {
    nghttp2_data_provider body{};
    body.read_callback = on_read;
    const std::vector<nghttp2_nv> pairs = pairs_of(fields);
    const int32_t id =
        nghttp2_submit_request(session, nullptr, pairs.data(), pairs.size(), last ? nullptr : &body, nullptr);
    streams[id];
    kick();
    return id;
  }
  void answer(int32_t id, const PeerFields& fields, bool last = false) {
    nghttp2_data_provider body{};
    body.read_callback = on_read;
    const std::vector<nghttp2_nv> pairs = pairs_of(fields);
    nghttp2_submit_response(session, id, pairs.data(), pairs.size(), last ? nullptr : &body);
    kick();
  }
  void interim(int32_t id, const PeerFields& fields) {
    const std::vector<nghttp2_nv> pairs = pairs_of(fields);
    nghttp2_submit_headers(session, NGHTTP2_FLAG_NONE, id, nullptr, pairs.data(), pairs.size(), nullptr);
    kick();
  }
  void say(int32_t id, std::string_view bytes) {
    streams[id].out += bytes;
    nghttp2_session_resume_data(session, id);
    kick();
  }
  void end(int32_t id, PeerFields trailers = {}) {
    streams[id].out_ended = true;
    streams[id].out_trailers = std::move(trailers);
    nghttp2_session_resume_data(session, id);
    kick();
  }
  void reset(int32_t id, uint32_t code) {
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, code);
    kick();
  }
  // Opens the windows by what has come on a stream that it does not read by itself.
  void take(int32_t id, size_t bytes) {
    nghttp2_session_consume(session, id, bytes);
    kick();
  }

  nghttp2_session* session = nullptr;
  std::map<int32_t, Stream> streams;
  std::function<void(int32_t id)> on_request;  // of a server: its head has come
  std::optional<uint32_t> goaway;
  int32_t goaway_last = 0;
  bool gone = false;

 private:
  static Http2Peer& of(void* self) { return *static_cast<Http2Peer*>(self); }
  static std::vector<nghttp2_nv> pairs_of(const PeerFields& fields) {
    std::vector<nghttp2_nv> pairs;
    for (const auto& [name, value] : fields) {
      nghttp2_nv pair{};
      pair.name = reinterpret_cast<uint8_t*>(const_cast<char*>(name.data()));
      pair.namelen = name.size();
      pair.value = reinterpret_cast<uint8_t*>(const_cast<char*>(value.data()));
      pair.valuelen = value.size();
      pairs.push_back(pair);
    }
    return pairs;
  }
  static int on_begin_headers(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* self) {
    of(self).streams[frame->hd.stream_id].heads.emplace_back();
    return 0;
  }
  static int on_header(nghttp2_session* /*session*/, const nghttp2_frame* frame, const uint8_t* name, size_t name_bytes,
                       const uint8_t* value, size_t value_bytes, uint8_t /*flags*/, void* self) {
    of(self).streams[frame->hd.stream_id].heads.back().emplace_back(
        std::string(reinterpret_cast<const char*>(name), name_bytes),
        std::string(reinterpret_cast<const char*>(value), value_bytes));
    return 0;
  }
  static int on_frame(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* self) {
    Http2Peer& peer = of(self);
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      peer.goaway = frame->goaway.error_code;
      peer.goaway_last = frame->goaway.last_stream_id;
    }
    if (frame->hd.stream_id == 0) return 0;
    Stream& stream = peer.streams[frame->hd.stream_id];
    if (frame->hd.type == NGHTTP2_RST_STREAM) stream.reset = frame->rst_stream.error_code;
    const bool is_message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (is_message && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) stream.ended = true;
    if (frame->hd.type == NGHTTP2_HEADERS && stream.heads.size() == 1 && peer.on_request)
      peer.on_request(frame->hd.stream_id);
    return 0;
  }
  static int on_data(nghttp2_session* session, uint8_t /*flags*/, int32_t id, const uint8_t* bytes, size_t size,
                     void* self) {
    Http2Peer& peer = of(self);
    Stream& stream = peer.streams[id];
    stream.body_bytes += size;
    if (peer.options_.keeps_bodies) stream.body.append(reinterpret_cast<const char*>(bytes), size);
    if (peer.options_.reads) nghttp2_session_consume(session, id, size);
    return 0;
  }
  static int on_close(nghttp2_session* /*session*/, int32_t id, uint32_t code, void* self) {
    of(self).streams[id].closed = code;
    return 0;
  }
  static ssize_t on_read(nghttp2_session* session, int32_t id, uint8_t* into, size_t size, uint32_t* flags,
                         nghttp2_data_source* /*source*/, void* self) {
    Stream& stream = of(self).streams[id];
    const size_t some = std::min(size, stream.out.size());
    if (some == 0 && !stream.out_ended) return NGHTTP2_ERR_DEFERRED;
    std::copy_n(stream.out.begin(), some, into);
    stream.out.erase(0, some);
    if (stream.out.empty() && stream.out_ended) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (!stream.out_trailers.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        const std::vector<nghttp2_nv> pairs = pairs_of(stream.out_trailers);
        nghttp2_submit_trailer(session, id, pairs.data(), pairs.size());
      }
    }
    return static_cast<ssize_t>(some);
  }

  static asio::awaitable<void> read(std::shared_ptr<Http2Peer> self) {
    std::vector<uint8_t> buffer(16384);
    try {
      for (;;) {
        const size_t got = co_await self->stream_->read_some(buffer);
        if (got == 0) break;
        if (nghttp2_session_mem_recv(self->session, buffer.data(), got) < 0) break;
        self->kick();
      }
    } catch (const base::Error&) {
      // It broke the connection.
    }
    self->gone = true;
    self->stream_->close();
    self->kick();
  }
  static asio::awaitable<void> write(std::shared_ptr<Http2Peer> self) {
    try {
      while (!self->gone) {
        std::string bytes;
        for (;;) {
          const uint8_t* piece = nullptr;
          const ssize_t size = nghttp2_session_mem_send(self->session, &piece);
          if (size <= 0) break;
          bytes.append(reinterpret_cast<const char*>(piece), static_cast<size_t>(size));
          if (bytes.size() > 65536) break;
        }
        bytes += std::exchange(self->raw_, {});
        if (bytes.empty()) {
          co_await self->changed_.wait();
        } else {
          const std::span<const uint8_t> span = bytes_of(bytes);
          co_await self->stream_->write(span);
        }
      }
    } catch (const base::Error&) {
      // It ended.
    }
  }

  asio::any_io_executor executor_;
  ByteStreamPtr stream_;
  Options options_;
  link::Event changed_;
  std::string raw_;
};

}  // namespace caisson::gate
