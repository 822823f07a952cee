// SPDX-License-Identifier: Apache-2.0

// Heads as the gate sends them: written anew from what was read, so that the next reader can find in them nothing but
// that. Fields that speak of one connection (RFC 9110, section 7.6.1) are not passed on; each head has at most one
// Content-Length or Transfer-Encoding, the one that the body behind it follows.
#pragma once

#include <string>
#include <string_view>

#include "gate/http1_body.h"

namespace caisson::gate {

struct RequestForm {
  std::string host;       // with the port, where it is not the scheme's
  bool upgrades = false;  // asks for a WebSocket
  bool last = false;      // nothing follows it on its connection
};
std::string write_request_head(const HttpHead& head, const RequestForm& form);

struct ResponseForm {
  int minor_version = 1;  // the client's
  BodyFraming framing = {};
  bool last = false;
};
// Of a status other than 101.
std::string write_response_head(const HttpResponseHead& head, const ResponseForm& form);
// 101: the connection is a WebSocket from here on.
std::string write_switch_head(const HttpResponseHead& head);

// An answer of the gate's own, the last one of its connection. X-Caisson, which no server can send, says that it is:
// "refused" where the request was not passed on, "failed" where the server did not answer it.
struct OwnAnswer {
  int status = 0;
  std::string text;      // one line for the user
  bool has_body = true;  // not in answer to HEAD
};
std::string write_own_answer(const OwnAnswer& answer);

}  // namespace caisson::gate
