// SPDX-License-Identifier: Apache-2.0

#include "gate/http1_body.h"

#include <algorithm>

namespace caisson::gate {
namespace {

using BodyKind = BodyFraming::Kind;

BodyFraming framing_of(const HttpLength& length, BodyFraming otherwise) {
  if (length.chunked) return {.kind = BodyKind::kChunked};
  if (length.content_length) return {.kind = BodyKind::kLength, .length = *length.content_length};
  return otherwise;
}

}  // namespace

BodyFraming request_framing(const HttpHead& head) {
  return framing_of({.content_length = head.content_length, .chunked = head.chunked}, {.kind = BodyKind::kNone});
}

BodyFraming response_framing(const HttpResponseHead& head, std::string_view method) {
  if (method == "HEAD" || head.status < 200 || head.status == 204 || head.status == 304)
    return {.kind = BodyKind::kNone};
  return framing_of(head.length, {.kind = BodyKind::kUntilClose});
}

BodyReader::BodyReader(BodyFraming framing) : framing_(framing), left_(framing.length) {}

BodyPiece BodyReader::read(std::string_view bytes) {
  switch (framing_.kind) {
    case BodyKind::kChunked:
      return chunks_.read(bytes);
    case BodyKind::kUntilClose:
      return {.used = bytes.size(), .data = bytes};
    case BodyKind::kLength: {
      const std::string_view data = bytes.substr(0, std::min<uint64_t>(left_, bytes.size()));
      left_ -= data.size();
      return {.used = data.size(), .data = data};
    }
    case BodyKind::kNone:
      break;
  }
  return {};
}

bool BodyReader::done() const {
  switch (framing_.kind) {
    case BodyKind::kChunked:
      return chunks_.done();
    case BodyKind::kUntilClose:
      return ended_;
    case BodyKind::kLength:
      return left_ == 0;
    case BodyKind::kNone:
      break;
  }
  return true;
}

void BodyReader::end() {
  ended_ = true;
  if (!done()) throw HttpProblem("its body is cut off");
}

}  // namespace caisson::gate
