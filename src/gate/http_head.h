// SPDX-License-Identifier: Apache-2.0

// The head of an HTTP/1 request (RFC 9112), read strictly: what two servers could read differently is refused, since
// the second reading would be one that no rule has judged.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gate/http_fields.h"

namespace caisson::gate {

struct HttpHead {
  std::string method;
  // The origin-form, '/' and query included, which canonical_path() has yet to accept; "*" for OPTIONS only. An
  // absolute-form was cut to it.
  std::string target;
  // What Host says: a name in normal form (host_name.h) or an address as text. An absolute-form's agrees with it.
  std::string host;
  std::optional<uint16_t> port = {};
  int minor_version = 1;  // HTTP/1.0 or 1.1
  bool chunked = false;
  std::optional<uint64_t> content_length = {};  // without it and `chunked`: no body
  // The protocol that the client asks to go on with, in lower case: "websocket". What follows an upgrade is not
  // requests, so only those that the caller can follow may be passed on.
  std::string upgrade;
  bool expects_continue = false;
  bool takes_trailers = false;  // TE says so
  bool closes = false;          // Connection says so
  // Without those that Connection lists.
  HttpFields fields = {};
  size_t size = 0;  // bytes of the head, its empty line included
};

// Feed it what arrives until it is not kNeedMore; the caller keeps the bytes.
class HttpHeadReader {
 public:
  static constexpr size_t kMaxBytes = 65536;
  static constexpr size_t kMaxFields = kMaxHttpFields;

  // kNotHttp: no request line of HTTP/1. kRefused: a request that is not passed on, see problem().
  enum class State : uint8_t { kNeedMore, kNotHttp, kHead, kRefused };

  State feed(std::string_view bytes);
  State state() const { return state_; }
  const HttpHead& head() const { return head_; }           // of kHead
  const std::string& problem() const { return problem_; }  // of kRefused: for the log and the answer 400

 private:
  // Each looks at what is new: seen_ from `from` on.
  void read_request_line(size_t from);
  void find_end(size_t from);
  void finish(size_t size);
  void refuse(const std::string& problem);

  State state_ = State::kNeedMore;
  std::string seen_;
  size_t line_bytes_ = 0;  // of the request line with its CRLF, once it was read
  HttpHead head_;
  std::string problem_;
};

}  // namespace caisson::gate
