// SPDX-License-Identifier: Apache-2.0

// HTTP/1.1 between a client that is not trusted and the server that its connection was allowed to: each request is
// read, judged, and sent on by itself (RFC 9112).
//
// Request smuggling is impossible by construction. One request is under way at a time. What the server gets is written
// anew from what was judged, its body framed anew by the same length; what the client gets likewise. Nothing of the
// next request is read before the answer to this one is complete, and what the server sends beyond its answer ends the
// connection instead of being taken for the next one.
//
// A request that is not allowed is answered by the gate and is the connection's last. A WebSocket's upgrade is judged
// like any request; then bytes pass both ways. Other upgrades are not passed on: the request is answered as if it had
// not asked for one (RFC 9110, section 7.8).
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "gate/byte_stream.h"
#include "gate/policy.h"

namespace caisson::gate {

struct Http1Limits {
  std::chrono::milliseconds head = std::chrono::seconds(60);    // a head, from its first byte; both ways
  std::chrono::milliseconds idle = std::chrono::minutes(5);     // between a client's requests
  std::chrono::milliseconds linger = std::chrono::seconds(10);  // for the client to end, when the gate has
};

// One request and what came of it.
struct HttpRecord {
  std::string method = {};  // empty where no request could be read
  std::string path = {};    // as it was sent, without the query
  int status = 0;           // of the answer that the client got; 0: it got none
  bool allowed = false;
  std::optional<Entry> entry = {};  // the rule that decided
  std::string reason = {};          // why it was refused, or failed
  bool any_rule = false;            // refused, and a rule could allow it
  uint64_t sent_bytes = 0;          // to the server, head and body
  uint64_t received_bytes = 0;      // of the answer
};

struct Http1Options {
  // What Host must say: a name in normal form or an address, and the port; 80 or 443 may be left out.
  std::string host;
  uint16_t port = 0;
  uint16_t usual_port = 80;  // of the scheme
  std::function<Verdict(std::string_view method, const CanonicalPath& path)> judge;
  // At each request's end, in their order.
  std::function<void(const HttpRecord& record)> record;
  // Why no request can be passed on ("its certificate has expired"): those that are allowed are answered with it.
  std::string no_server = {};
  Http1Limits limits = {};
};

struct Http1End {
  std::string failure;    // "" when it ended orderly
  bool not_http = false;  // what the client or server sent is no HTTP/1: `failure` says so
};

// Until the connection has ended. Never throws for what the ends do. `server` may be null with `no_server`.
asio::awaitable<Http1End> serve_http1(ByteStreamPtr client, ByteStreamPtr server, Http1Options options);

}  // namespace caisson::gate
