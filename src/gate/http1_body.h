// SPDX-License-Identifier: Apache-2.0

// Where the body of an HTTP/1 message ends (RFC 9112, section 6.3).
#pragma once

#include "gate/http1_chunks.h"
#include "gate/http1_response.h"
#include "gate/http_head.h"

namespace caisson::gate {

struct BodyFraming {
  enum class Kind : uint8_t { kNone, kLength, kChunked, kUntilClose };
  Kind kind = Kind::kNone;
  uint64_t length = 0;  // of kLength

  bool operator==(const BodyFraming&) const = default;
};

BodyFraming request_framing(const HttpHead& head);
// Of a final response to a request with this method.
BodyFraming response_framing(const HttpResponseHead& head, std::string_view method);

class BodyReader {
 public:
  explicit BodyReader(BodyFraming framing);

  // Reads from the front of `bytes`, which is not empty. Throws HttpProblem. What is not used is not the body's.
  BodyPiece read(std::string_view bytes);
  bool done() const;
  // The stream has ended; throws HttpProblem where that cuts the body off.
  void end();
  const BodyFraming& framing() const { return framing_; }
  const HttpFields& trailers() const { return chunks_.trailers(); }

 private:
  BodyFraming framing_;
  uint64_t left_;  // of kLength
  bool ended_ = false;
  ChunkReader chunks_;
};

}  // namespace caisson::gate
