// SPDX-License-Identifier: Apache-2.0

// The frames that a WebSocket's server sends (RFC 6455, section 5), each message looked through as a whole, also where
// it is in several frames. A message that is long passes in more frames than it came in, as nothing of it is held but
// what may be the beginning of a secret. No extension was agreed to, so frames have the one form of the RFC.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "gate/answer_scrub.h"

namespace caisson::gate {

class WebSocketScrub {
 public:
  static constexpr size_t kMostControlBytes = 125;

  explicit WebSocketScrub(const AnswerScrub& secrets) : secrets_(secrets), message_(secrets.scrubber()) {}

  // What has arrived; appends what passes. Throws HttpProblem for what is no frame of a server's.
  void feed(std::string_view bytes, std::string& out);

 private:
  bool read_header(std::string_view& bytes);
  void begin_frame();
  void take_payload(std::string_view& bytes, std::string& out);
  void pass_message(bool last, std::string& out);

  const AnswerScrub& secrets_;
  std::unique_ptr<Scrubber> message_;
  std::string header_;  // that is arriving
  bool in_payload_ = false;
  bool last_ = false;  // FIN of the frame
  uint8_t opcode_ = 0;
  uint64_t left_ = 0;    // of the payload
  std::string control_;  // the payload of a control frame
  std::string passes_;   // of the message, and not sent yet
  bool in_message_ = false;
  bool first_sent_ = false;  // a frame of the message was passed on
  uint8_t kind_ = 0;         // of the message: text or binary
};

}  // namespace caisson::gate
