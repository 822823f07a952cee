// SPDX-License-Identifier: Apache-2.0

// What the two proxies (http1_proxy.h, http2_proxy.h) have in common: a request is judged, and answered or passed on,
// and what came of it is recorded.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "gate/held_bytes.h"
#include "gate/http_head.h"
#include "gate/policy.h"
#include "gate/request_secrets.h"

namespace caisson::gate {

struct HttpLimits {
  std::chrono::milliseconds head = std::chrono::seconds(60);    // a head, from its first byte; both ways
  std::chrono::milliseconds idle = std::chrono::minutes(5);     // between a client's requests
  std::chrono::milliseconds linger = std::chrono::seconds(10);  // for the client to end, when the gate has
  // HTTP/2 only, where one connection holds what many streams wait to say: in which nothing of it is taken.
  std::chrono::milliseconds stall = std::chrono::minutes(10);
};

// One request and what came of it. Many may be kept for one connection at a time.
struct HttpRecord {
  static constexpr size_t kMostPathBytes = kMaxPathPatternBytes;  // a rule for it has no more

  std::string method = {};  // empty where no request could be read
  std::string path = {};    // as it was sent, without the query: the first kMostPathBytes
  int status = 0;           // of the answer that the client got; 0: it got none
  bool allowed = false;
  bool path_cut = false;                  // there was more of it
  std::optional<Entry> entry = {};        // the rule that decided
  std::string reason = {};                // why it was refused, or failed
  bool any_rule = false;                  // refused, and a rule could allow it
  std::vector<std::string> secrets = {};  // the names of those whose values were put into it
  uint64_t sent_bytes = 0;                // to the server, head (of HTTP/2: before its compression) and body
  uint64_t received_bytes = 0;            // of the answer
};

struct HttpOptions {
  // What Host must say: a name in normal form or an address, and the port; 80 or 443 may be left out.
  std::string host;
  uint16_t port = 0;
  uint16_t usual_port = 80;  // of the scheme
  // Empty: nothing else is judged.
  std::function<Verdict(std::string_view method, const CanonicalPath& path)> judge;
  // At each request's end; of HTTP/1, in their order.
  std::function<void(const HttpRecord& record)> record;
  // Why no request can be passed on ("its certificate has expired"): those that are allowed are answered with it.
  std::string no_server = {};
  // What requests may use of secrets; may be null. Whoever uses one says so.
  std::shared_ptr<const RequestSecrets> secrets = {};
  std::function<void(const std::string& name)> secret_used = {};
  HttpLimits limits = {};
  std::shared_ptr<HeldBytes> held = {};  // the account of heads that are not whole; may be null
};

struct HttpEnd {
  std::string failure;    // "" when it ended orderly
  bool not_http = false;  // what the client or server sent is not of the protocol: `failure` says so
};

// As it was sent, without the query.
std::string_view path_of(const HttpHead& head);
// With a status where the request is not passed on.
HttpRecord judge_head(const HttpHead& head, const HttpOptions& options);
// The request is refused for what it has of a secret.
void refuse_secret(HttpRecord& record, const std::string& refusal);
// What came of RequestSecrets::use().
void note_use(const SecretUse& use, const HttpOptions& options, HttpRecord& record);
// Host, or :authority, as the server gets it.
std::string authority_of(const HttpOptions& options);

}  // namespace caisson::gate
