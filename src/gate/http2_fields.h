// SPDX-License-Identifier: Apache-2.0

// Heads and trailers of HTTP/2 (RFC 9113, section 8). The library has refused what is malformed by then; here the rest
// is read as strictly as HTTP/1 is, and what is passed on is written anew.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gate/http_exchange.h"

namespace caisson::gate {

struct Http2Field {
  std::string name;
  std::string value;
  bool never_indexed = false;  // RFC 7541, section 6.2.3: has to stay so on the next connection

  bool operator==(const Http2Field&) const = default;
};
using Http2Fields = std::vector<Http2Field>;

// RFC 9113, section 6.5.2: what SETTINGS_MAX_HEADER_LIST_SIZE counts.
size_t list_bytes(const Http2Fields& fields);

// A request, pseudo-header fields first. `scheme` is the connection's. Throws HttpProblem.
HttpHead read_http2_request(const Http2Fields& fields, std::string_view scheme);
// The request as the server gets it: `authority` is authority_of() of what was judged.
Http2Fields request_to_send(const HttpHead& head, const Http2Fields& fields, const std::string& scheme,
                            const std::string& authority);

// What a request uses of secrets; where it uses any, without what would hide them in the answer.
SecretUse use_http2_secrets(HttpHead& head, Http2Fields& fields, const RequestSecrets& secrets);
// The values into what is sent; no table of HPACK keeps them.
void put_in(Http2Fields& fields, const std::vector<SecretUse::Put>& put);
void scrub_fields(const AnswerScrub& scrub, Http2Fields& fields);
// The values of the fields of that name, which are taken out.
std::vector<std::string> take_fields(Http2Fields& fields, std::string_view name);

// 100 to 599; 0 where it has no :status, as trailers have none. Throws HttpProblem.
int status_of(const Http2Fields& fields);
// The response as the client gets it.
Http2Fields response_to_send(const Http2Fields& fields);
// Throws HttpProblem for a field that belongs into the head.
// They may wait behind a body: list_bytes() of at most kMostTrailerBytes.
inline constexpr size_t kMostTrailerBytes = 8192;
Http2Fields trailers_to_send(const Http2Fields& fields);

// A gRPC client is shown the reason in its own way: as the call's status.
bool is_grpc(const Http2Fields& request);

// An answer of the gate's own; X-Caisson says that it is, as in HTTP/1.
struct OwnHttp2Answer {
  Http2Fields head;
  std::string body;  // "": none
};
OwnHttp2Answer own_http2_answer(int status, const std::string& text, const std::string& method);
OwnHttp2Answer own_grpc_answer(int status, const std::string& text);

}  // namespace caisson::gate
