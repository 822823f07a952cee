// SPDX-License-Identifier: Apache-2.0

#include "gate/http2_session.h"

#include <malloc.h>
#include <nghttp2/nghttp2.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace caisson::gate {
namespace {

struct FreeCallbacks {
  void operator()(nghttp2_session_callbacks* callbacks) const { nghttp2_session_callbacks_del(callbacks); }
  void operator()(nghttp2_option* option) const { nghttp2_option_del(option); }
};

std::string text_of(nghttp2_rcbuf* buffer) {
  const nghttp2_vec bytes = nghttp2_rcbuf_get_buf(buffer);
  return {reinterpret_cast<const char*>(bytes.base), bytes.len};
}

// nghttp2 copies what these point to, and changes nothing.
std::vector<nghttp2_nv> pairs_of(const Http2Fields& fields) {
  std::vector<nghttp2_nv> pairs;
  for (const Http2Field& field : fields) {
    nghttp2_nv pair{};
    pair.name = reinterpret_cast<uint8_t*>(const_cast<char*>(field.name.data()));
    pair.namelen = field.name.size();
    pair.value = reinterpret_cast<uint8_t*>(const_cast<char*>(field.value.data()));
    pair.valuelen = field.value.size();
    pair.flags = field.never_indexed ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
    pairs.push_back(pair);
  }
  return pairs;
}

// Its memory, wiped when it is given back: requests to the server may hold secrets.
void* allocate(size_t size, void* /*user*/) {
  return std::malloc(size);
}
void release(void* memory, void* /*user*/) {
  if (memory == nullptr) return;
  ::explicit_bzero(memory, ::malloc_usable_size(memory));
  std::free(memory);
}
void* allocate_zeroed(size_t count, size_t size, void* /*user*/) {
  return std::calloc(count, size);
}
void* reallocate(void* memory, size_t size, void* user) {
  void* const other = std::malloc(size);
  if (other == nullptr || memory == nullptr) return other;
  std::memcpy(other, memory, std::min(size, ::malloc_usable_size(memory)));
  release(memory, user);
  return other;
}

std::string malformed(const nghttp2_frame& frame, int error) {
  if (frame.hd.type == NGHTTP2_HEADERS) return "its head is malformed (RFC 9113, section 8)";
  return nghttp2_strerror(error);
}

}  // namespace

// What nghttp2 calls.
struct Http2Callbacks {
  static Http2Session& of(void* self) { return *static_cast<Http2Session*>(self); }

  static int begin_headers(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* self) {
    // Push was switched off.
    if (frame->hd.type == NGHTTP2_PUSH_PROMISE) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    Http2Session& one = of(self);
    one.head_ = {};
    one.head_bytes_ = 0;
    one.in_head_ = true;
    return 0;
  }
  static int header(nghttp2_session* /*session*/, const nghttp2_frame* /*frame*/, nghttp2_rcbuf* name,
                    nghttp2_rcbuf* value, uint8_t flags, void* self) {
    const bool never_indexed = (flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0;
    const size_t bytes = nghttp2_rcbuf_get_buf(name).len + nghttp2_rcbuf_get_buf(value).len;
    Http2Session& one = of(self);
    // Beyond that nothing is kept: a few bytes can stand for very many.
    if (one.head_bytes_ + bytes > Http2Limits::kHeadBytes || !one.head_.problem.empty()) {
      if (one.head_.problem.empty()) one.head_.problem = "it is longer than 65536 bytes";
      return 0;
    }
    one.collect({.name = text_of(name), .value = text_of(value), .never_indexed = never_indexed});
    return 0;
  }
  static int invalid_header(nghttp2_session* /*session*/, const nghttp2_frame* /*frame*/, nghttp2_rcbuf* /*name*/,
                            nghttp2_rcbuf* /*value*/, uint8_t /*flags*/, void* self) {
    of(self).head_.problem = "it has a field with a byte that is not allowed there";
    return 0;
  }
  static int frame_received(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* self) {
    Http2Session& one = of(self);
    const int32_t stream = frame->hd.stream_id;
    const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        one.in_head_ = false;
        one.head_.last = last;
        one.events_.on_head(stream, std::exchange(one.head_, {}));
        break;
      case NGHTTP2_DATA:
        if (last) one.events_.on_end(stream);
        break;
      case NGHTTP2_RST_STREAM:
        one.events_.on_reset(stream, frame->rst_stream.error_code);
        break;
      case NGHTTP2_SETTINGS:
        one.met_ = true;
        break;
      case NGHTTP2_GOAWAY:
        one.events_.on_goaway(frame->goaway.error_code);
        break;
      default:
        break;
    }
    return 0;
  }
  static int invalid_frame(nghttp2_session* /*session*/, const nghttp2_frame* frame, int error, void* self) {
    Http2Session& one = of(self);
    if (frame->hd.type == NGHTTP2_HEADERS) one.in_head_ = false;
    // More streams than were offered, which the other end may not have known yet.
    if (error == NGHTTP2_ERR_REFUSED_STREAM || frame->hd.stream_id == 0) return 0;
    one.events_.on_malformed(frame->hd.stream_id, malformed(*frame, error));
    return 0;
  }
  static int data(nghttp2_session* /*session*/, uint8_t /*flags*/, int32_t stream, const uint8_t* bytes, size_t size,
                  void* self) {
    of(self).events_.on_data(stream, {reinterpret_cast<const char*>(bytes), size});
    return 0;
  }
  static int closed(nghttp2_session* /*session*/, int32_t stream, uint32_t code, void* self) {
    of(self).events_.on_closed(stream, code);
    return 0;
  }
  static int frame_sent(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* self) {
    Http2Session& one = of(self);
    const bool is_message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (is_message && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) one.events_.on_last_sent(frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_GOAWAY && !one.ends_by_itself_) {
      one.problem_ = nghttp2_http2_strerror(frame->goaway.error_code);
      // What nghttp2 found, in its words.
      if (frame->goaway.opaque_data_len != 0) {
        one.problem_ += ": " + base::escaped({reinterpret_cast<const char*>(frame->goaway.opaque_data),
                                              frame->goaway.opaque_data_len});
      }
    }
    return 0;
  }
  static ssize_t read(nghttp2_session* session, int32_t stream, uint8_t* into, size_t size, uint32_t* flags,
                      nghttp2_data_source* /*source*/, void* self) {
    const Http2Piece piece = of(self).events_.next_piece(stream, {into, size});
    if (piece.then == Http2Piece::Then::kMore) {
      if (piece.size == 0) return NGHTTP2_ERR_DEFERRED;
      return static_cast<ssize_t>(piece.size);
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (piece.then == Http2Piece::Then::kTrailers) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const std::vector<nghttp2_nv> pairs = pairs_of(piece.trailers);
      of(self).waiting_heads_ += list_bytes(piece.trailers);
      if (nghttp2_submit_trailer(session, stream, pairs.data(), pairs.size()) != 0)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return static_cast<ssize_t>(piece.size);
  }

  static nghttp2_session_callbacks* all() {
    nghttp2_session_callbacks* made = nullptr;
    if (nghttp2_session_callbacks_new(&made) != 0) throw std::bad_alloc();
    nghttp2_session_callbacks_set_on_begin_headers_callback(made, begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(made, header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(made, invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(made, frame_received);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, invalid_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, data);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, closed);
    nghttp2_session_callbacks_set_on_frame_send_callback(made, frame_sent);
    return made;
  }
};

Http2Session::Http2Session(Role role, Http2Events& events) : events_(events) {
  const std::unique_ptr<nghttp2_session_callbacks, FreeCallbacks> callbacks(Http2Callbacks::all());
  nghttp2_option* made = nullptr;
  if (nghttp2_option_new(&made) != 0) throw std::bad_alloc();
  const std::unique_ptr<nghttp2_option, FreeCallbacks> option(made);
  nghttp2_option_set_no_auto_window_update(option.get(), 1);
  nghttp2_option_set_no_closed_streams(option.get(), 1);
  nghttp2_option_set_max_send_header_block_length(option.get(), 2 * Http2Limits::kHeadBytes);
  // No request leaves before the server has said SETTINGS: one that speaks another protocol would find the client's
  // bytes behind a preface that it does not know, and could take them for a request that nobody has judged.
  nghttp2_option_set_peer_max_concurrent_streams(option.get(), 0);
  const auto make = role == Role::kServer ? nghttp2_session_server_new3 : nghttp2_session_client_new3;
  nghttp2_mem memory{
      .mem_user_data = nullptr, .malloc = allocate, .free = release, .calloc = allocate_zeroed, .realloc = reallocate};
  nghttp2_mem* const wiped = role == Role::kClient ? &memory : nullptr;
  if (make(&session_, callbacks.get(), this, option.get(), wiped) != 0) throw std::bad_alloc();
  const bool server = role == Role::kServer;
  // Extended CONNECT (RFC 8441) is not offered, so that WebSockets are asked for by HTTP/1.1.
  const std::array<nghttp2_settings_entry, 3> settings = {{
      server ? nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, Http2Limits::kStreams}
             : nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, Http2Limits::kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, Http2Limits::kHeadBytes},
  }};
  check(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size()));
  check(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, Http2Limits::kConnectionWindow));
}

Http2Session::~Http2Session() {
  nghttp2_session_del(session_);
}

void Http2Session::collect(Http2Field field) {
  constexpr size_t kOverhead = 32;
  head_bytes_ += field.name.size() + field.value.size() + kOverhead;
  head_.fields.push_back(std::move(field));
}

// What fails for another reason than the other end's doing.
void Http2Session::check(int result) const {
  if (result == NGHTTP2_ERR_NOMEM) throw std::bad_alloc();
}

void Http2Session::feed(std::span<const uint8_t> bytes) {
  const ssize_t used = nghttp2_session_mem_recv(session_, bytes.data(), bytes.size());
  if (used == NGHTTP2_ERR_NOMEM) throw std::bad_alloc();
  if (used >= 0) return;
  problem_ = nghttp2_strerror(static_cast<int>(used));
  throw base::Error(problem_);
}

std::string Http2Session::output(size_t most) {
  std::string made;
  while (made.size() < most) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (size == NGHTTP2_ERR_NOMEM) throw std::bad_alloc();
    if (size < 0) throw base::Error(nghttp2_strerror(static_cast<int>(size)));
    if (size == 0) break;
    made.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
  }
  // Before the other end has spoken, requests stay in the library's queue.
  if (made.empty() && met_ && std::exchange(waiting_heads_, 0) != 0) ++changes_;
  return made;
}

bool Http2Session::over() const {
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

bool Http2Session::is_full() const {
  return waiting_heads_ > Http2Limits::kWaitingHeads ||
         nghttp2_session_get_outbound_queue_size(session_) > Http2Limits::kWaitingFrames;
}

size_t Http2Session::most_streams() const {
  if (!met_) return Http2Limits::kStreams;
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

int32_t Http2Session::request(const Http2Fields& fields, bool last) {
  ++changes_;
  nghttp2_data_provider body{};
  body.read_callback = Http2Callbacks::read;
  const std::vector<nghttp2_nv> pairs = pairs_of(fields);
  waiting_heads_ += list_bytes(fields);
  const int32_t stream =
      nghttp2_submit_request(session_, nullptr, pairs.data(), pairs.size(), last ? nullptr : &body, nullptr);
  check(stream);
  return stream;
}

void Http2Session::interim(int32_t stream, const Http2Fields& fields) {
  ++changes_;
  const std::vector<nghttp2_nv> pairs = pairs_of(fields);
  waiting_heads_ += list_bytes(fields);
  check(nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream, nullptr, pairs.data(), pairs.size(), nullptr));
}

void Http2Session::answer(int32_t stream, const Http2Fields& fields, bool last) {
  ++changes_;
  nghttp2_data_provider body{};
  body.read_callback = Http2Callbacks::read;
  const std::vector<nghttp2_nv> pairs = pairs_of(fields);
  waiting_heads_ += list_bytes(fields);
  check(nghttp2_submit_response(session_, stream, pairs.data(), pairs.size(), last ? nullptr : &body));
}

void Http2Session::resume(int32_t stream) {
  ++changes_;
  // Of a stream that does not wait this is an error, and means nothing.
  check(nghttp2_session_resume_data(session_, stream));
}

void Http2Session::reset(int32_t stream, uint32_t code) {
  ++changes_;
  check(nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, code));
}

void Http2Session::taken(int32_t stream, size_t bytes) {
  ++changes_;
  if (bytes != 0) check(nghttp2_session_consume(session_, stream, bytes));
}

void Http2Session::go_away(uint32_t code) {
  ++changes_;
  ends_by_itself_ = true;
  check(nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_), code,
                              nullptr, 0));
}

void Http2Session::terminate(uint32_t code) {
  ++changes_;
  ends_by_itself_ = true;
  check(nghttp2_session_terminate_session(session_, code));
}

}  // namespace caisson::gate
