// SPDX-License-Identifier: Apache-2.0

// What the heads of requests and responses and the trailers of bodies have in common: fields (RFC 9110, section 5; RFC
// 9112, section 5), read strictly.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace caisson::gate {

// Names in lower case, values trimmed, in order.
using HttpFields = std::vector<std::pair<std::string, std::string>>;

inline constexpr size_t kMaxHttpFields = 256;

// A message that is not passed on, since two readers could understand it differently: "it has several Host".
class HttpProblem : public base::Error {
 public:
  using base::Error::Error;
};

// RFC 9110, section 5.6.2.
bool is_http_token(std::string_view text);
bool has_control_byte(std::string_view value);

// What the fields of a name list, between commas: in lower case, without blanks, each as often as it is there.
using HttpMembers = std::vector<std::string>;
inline constexpr size_t kMaxHttpMembers = 64;
// Throws HttpProblem for more than kMaxHttpMembers.
HttpMembers members_of(const HttpFields& fields, std::string_view name);
bool has_member(const HttpMembers& members, std::string_view member);
// Takes the fields out whose names are listed.
void drop_members(HttpFields& fields, const HttpMembers& members);

// Fields that are not passed on: those of one connection (RFC 9110, section 7.6.1), and X-Caisson, which only the gate
// sends.
bool is_of_one_connection(std::string_view name);
// What a trailer must not say, since it was needed before the body (RFC 9110, section 6.5.1).
bool is_no_trailer(std::string_view name);

// Appends the field of a line, which is given without its CRLF. Throws HttpProblem, past kMaxHttpFields too.
void append_field(HttpFields& fields, std::string_view line);
// The value of a field that may be there once; throws HttpProblem(twice).
std::optional<std::string_view> only_field(const HttpFields& fields, std::string_view name, const char* twice);

// The length of a body, as its head says it.
struct HttpLength {
  std::optional<uint64_t> content_length = {};
  bool chunked = false;
};
// Throws HttpProblem for both, for one twice, and for a Transfer-Encoding other than chunked or in HTTP/1.0.
HttpLength read_length(const HttpFields& fields, int minor_version);

}  // namespace caisson::gate
