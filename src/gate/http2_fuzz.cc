// SPDX-License-Identifier: Apache-2.0

// Whole connections through the streams of the HTTP/2 proxy: any frames from the client to an honest server, or any
// from the server to an honest client, in any pieces. What reaches the server is read by nghttp2 alone, and is nothing
// but requests that were judged and allowed. And what waits stays within the windows.
//
// Input: who sends it (1 byte: odd, the server), the size of the pieces (1 byte), the bytes behind the preface.

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string>

#include "gate/http2_streams.h"

namespace caisson::gate {
namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

Policy fixed_policy() {
  Policy policy;
  policy.add(parse_rule("a.com:443 GET,POST,HEAD /ok/**"), true, "fuzz");
  policy.add(parse_rule("a.com:443 * /ok/no/**"), false, "fuzz");
  return policy;
}

// The honest end.
class Peer {
 public:
  explicit Peer(bool server) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    (server ? nghttp2_session_server_new : nghttp2_session_client_new)(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~Peer() { nghttp2_session_del(session_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void ask() {
    const std::string names[] = {":method", ":scheme", ":authority", ":path"};
    const std::string values[] = {"GET", "https", "a.com", "/ok/a"};
    nghttp2_nv pairs[4] = {};
    for (size_t i = 0; i < 4; ++i) pairs[i] = pair_of(names[i], values[i]);
    require(nghttp2_submit_request(session_, nullptr, pairs, 4, nullptr, nullptr) > 0);
  }
  void hear(const std::string& bytes) {
    // What the proxy sends is always right.
    require(nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()) >= 0);
  }
  std::string says() {
    std::string bytes;
    const uint8_t* piece = nullptr;
    for (ssize_t size = 0; (size = nghttp2_session_mem_send(session_, &piece)) > 0;)
      bytes.append(reinterpret_cast<const char*>(piece), static_cast<size_t>(size));
    return bytes;
  }

  std::multiset<std::string> asked;  // "GET /ok/a"

 private:
  static nghttp2_nv pair_of(const std::string& name, const std::string& value) {
    return {reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
            reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
            NGHTTP2_NV_FLAG_NONE};
  }
  static int on_header(nghttp2_session* /*session*/, const nghttp2_frame* frame, const uint8_t* name, size_t name_bytes,
                       const uint8_t* value, size_t value_bytes, uint8_t /*flags*/, void* self) {
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    const std::string_view key(reinterpret_cast<const char*>(name), name_bytes);
    const std::string text(reinterpret_cast<const char*>(value), value_bytes);
    auto& peer = *static_cast<Peer*>(self);
    if (key == ":method") peer.method_ = text;
    if (key == ":path") peer.path_ = text;
    require(key != ":authority" || text == "a.com");
    require(key != ":scheme" || text == "https");
    require(key != "host" && key != "x-caisson" && key != "transfer-encoding");
    return 0;
  }
  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* self) {
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    auto& peer = *static_cast<Peer*>(self);
    const auto path = canonical_path(peer.path_);
    require(path.has_value());
    peer.asked.insert(peer.method_ + " " + path->text());
    const std::string name = ":status";
    const std::string value = "200";
    const nghttp2_nv pair = pair_of(name, value);
    nghttp2_submit_response(session, frame->hd.stream_id, &pair, 1, nullptr);
    return 0;
  }

  nghttp2_session* session_ = nullptr;
  std::string method_;
  std::string path_;
};

void feed(Http2Session& session, const std::string& bytes) {
  session.feed({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

void check(bool from_server, size_t piece, std::string_view bytes) {
  static const Policy kPolicy = fixed_policy();
  std::multiset<std::string> allowed;
  size_t judged = 0;
  size_t recorded = 0;
  HttpOptions options;
  options.host = "a.com";
  options.port = options.usual_port = 443;
  options.judge = [&](std::string_view method, const CanonicalPath& path) {
    Verdict verdict = kPolicy.judge_request("a.com", 443, method, path);
    ++judged;
    if (verdict.allowed) allowed.insert(std::string(method) + " " + path.text());
    return verdict;
  };
  options.record = [&](const HttpRecord& record) {
    ++recorded;
    require(record.allowed || !record.reason.empty());
  };
  Http2Streams streams(options, true);
  Peer honest(!from_server);
  Http2Session& near = from_server ? streams.client() : streams.server();
  Http2Session& hostile = from_server ? streams.server() : streams.client();
  constexpr char kSettings[] = "\0\0\0\x04\0\0\0\0";
  const std::string settings(kSettings, sizeof kSettings);
  try {
    if (from_server) honest.ask();
    feed(hostile, from_server ? settings : NGHTTP2_CLIENT_MAGIC + settings);
    for (bool more = true; more;) {
      more = !bytes.empty();
      const std::string part(bytes.substr(0, piece));
      bytes.remove_prefix(part.size());
      feed(hostile, part);
      // Everybody says everything; what the hostile end is told is nobody's.
      for (bool any = true; any;) {
        const std::string heard = near.output(65536);
        honest.hear(heard);
        const std::string said = honest.says();
        feed(near, said);
        any = !hostile.output(65536).empty() || !heard.empty() || !said.empty();
      }
      require(streams.waiting_bytes() <= 2 * (Http2Limits::kConnectionWindow + 65536));
      require(streams.requests() <= Http2Limits::kStreams);
    }
  } catch (const base::Error&) {
    // It floods, or is no HTTP/2.
  }
  streams.client_ended();
  streams.finish("");
  require(recorded >= judged);
  if (!from_server) require(std::includes(allowed.begin(), allowed.end(), honest.asked.begin(), honest.asked.end()));
}

}  // namespace
}  // namespace caisson::gate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  caisson::gate::check((data[0] & 1) != 0, data[1] == 0 ? 16384 : data[1], bytes);
  return 0;
}
