// SPDX-License-Identifier: Apache-2.0

// The head of an HTTP/1 request (RFC 9112), read strictly: what two servers could read differently is refused, since
// the second reading would be one that no rule has judged.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace caisson::gate {

struct HttpHead {
  std::string method;
  std::string target;  // origin-form: path and query ("*" only for OPTIONS); an absolute-form was cut to it
  std::string
      host;  // Host (or the authority of an absolute-form, which agrees with it): name in normal form, or an address
  std::optional<uint16_t> port = {};  // where it was written
  int minor_version = 1;              // HTTP/1.0 or 1.1
  bool chunked = false;
  std::optional<uint64_t> content_length = {};  // neither: no body
  bool upgrade = false;                         // asks for another protocol (WebSocket)
  bool expects_continue = false;
  std::vector<std::pair<std::string, std::string>> fields = {};  // in order; names in lower case, values trimmed
  size_t size = 0;                                               // bytes of the head, its empty line included
};

// Feed it what arrives until it is not kNeedMore; the caller keeps the bytes.
class HttpHeadReader {
 public:
  static constexpr size_t kMaxBytes = 65536;
  static constexpr size_t kMaxFields = 256;

  // kNotHttp: no request line of HTTP/1. kRefused: a request that is not passed on, see problem().
  enum class State : uint8_t { kNeedMore, kNotHttp, kHead, kRefused };

  State feed(std::string_view bytes);
  State state() const { return state_; }
  const HttpHead& head() const { return head_; }           // of kHead
  const std::string& problem() const { return problem_; }  // of kRefused: for the log and the answer 400

 private:
  void refuse(std::string problem);
  void read_head(std::string_view text);

  State state_ = State::kNeedMore;
  std::string seen_;
  HttpHead head_;
  std::string problem_;
};

}  // namespace caisson::gate
