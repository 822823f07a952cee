// SPDX-License-Identifier: Apache-2.0

// Any bytes as the beginning of a request: all at once and one by one they are understood the same way, and what is
// accepted has one meaning.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "gate/address.h"
#include "gate/host_name.h"
#include "gate/http_head.h"
#include "gate/http_path.h"

namespace caisson::gate {
namespace {

using State = HttpHeadReader::State;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_head(const HttpHead& head, std::string_view bytes) {
  require(head.size <= bytes.size() && bytes.substr(0, head.size).ends_with("\r\n\r\n"));
  require(bytes.substr(0, head.size - 1).find("\r\n\r\n") == std::string_view::npos);
  require(!head.chunked || !head.content_length);
  require(normal_name(head.host) == head.host || IpAddress::parse(head.host));
  require(head.fields.size() <= HttpHeadReader::kMaxFields);
  if (const auto path = canonical_path(head.target)) require(canonical_path(path->text())->text() == path->text());
}

void check(std::string_view bytes) {
  HttpHeadReader whole;
  whole.feed(bytes);
  HttpHeadReader pieces;
  for (size_t i = 0; i < bytes.size(); ++i) pieces.feed(bytes.substr(i, 1));
  if (bytes.size() >= HttpHeadReader::kMaxBytes) require(whole.state() != State::kNeedMore);
  require(whole.problem().empty() == (whole.state() != State::kRefused));
  require(pieces.state() == whole.state() && pieces.problem() == whole.problem());
  if (whole.state() != State::kHead) return;
  check_head(whole.head(), bytes);
  require(pieces.head().size == whole.head().size && pieces.head().fields == whole.head().fields);
}

}  // namespace
}  // namespace caisson::gate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  caisson::gate::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
