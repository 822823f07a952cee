// SPDX-License-Identifier: Apache-2.0

// The head of an HTTP/1 response (RFC 9112, section 4), read as strictly as a request's: what a client could read
// differently could hide a second response in the first one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gate/http_fields.h"

namespace caisson::gate {

struct HttpResponseHead {
  int status = 0;      // 100 to 599
  std::string reason;  // may be empty
  int minor_version = 1;
  HttpLength length = {};
  bool closes = false;  // the connection ends behind it: the server says so, or it is HTTP/1.0
  std::string upgrade;  // of a 101: the protocol that is spoken from here on, in lower case
  // Without those that Connection lists.
  HttpFields fields = {};
  size_t size = 0;  // bytes of the head, its empty line included
};

// Feed it what arrives until it is not kNeedMore; the caller keeps the bytes.
class HttpResponseReader {
 public:
  static constexpr size_t kMaxBytes = 65536;

  enum class State : uint8_t { kNeedMore, kHead, kRefused };

  State feed(std::string_view bytes);
  State state() const { return state_; }
  const HttpResponseHead& head() const { return head_; }   // of kHead
  const std::string& problem() const { return problem_; }  // of kRefused

 private:
  void find_end(size_t from);
  void finish(size_t size);
  void refuse(const std::string& problem);

  State state_ = State::kNeedMore;
  std::string seen_;
  HttpResponseHead head_;
  std::string problem_;
};

}  // namespace caisson::gate
