// SPDX-License-Identifier: Apache-2.0

#include "gate/http2_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/text.h"
#include "gate/http_authority.h"

namespace caisson::gate {
namespace {

constexpr size_t kFieldOverhead = 32;

bool is_pseudo(const Http2Field& field) {
  return field.name.starts_with(':');
}

std::optional<std::string_view> only(const Http2Fields& fields, std::string_view name, const char* twice) {
  std::optional<std::string_view> found;
  for (const Http2Field& field : fields) {
    if (field.name != name) continue;
    if (found) throw HttpProblem(twice);
    found = field.value;
  }
  return found;
}

// A server behind this one may speak HTTP/1, where a line's end or a field of the connection would be a second request.
void check_field(const Http2Field& field) {
  const std::string_view name = is_pseudo(field) ? std::string_view(field.name).substr(1) : field.name;
  if (!is_http_token(name) || base::ascii_lower(name) != name)
    throw HttpProblem("it has a field whose name is not allowed in HTTP/2");
  if (has_control_byte(field.value)) throw HttpProblem("it has a field with a control byte");
  constexpr std::array<std::string_view, 5> kOfConnection = {"connection", "keep-alive", "proxy-connection",
                                                             "transfer-encoding", "upgrade"};
  if (std::find(kOfConnection.begin(), kOfConnection.end(), name) != kOfConnection.end())
    throw HttpProblem("it has a field of the connection, which HTTP/2 has not");
  if (name == "te" && field.value != "trailers") throw HttpProblem("its TE is not 'trailers'");
}

void check_fields(const Http2Fields& fields) {
  if (fields.size() > kMaxHttpFields) throw HttpProblem("it has more than 256 fields");
  for (const Http2Field& field : fields) check_field(field);
  const auto length = only(fields, "content-length", "it has several Content-Length");
  if (length && !base::parse_number<uint64_t>(*length)) throw HttpProblem("its Content-Length is no number");
}

void read_host(const Http2Fields& fields, HttpHead& head) {
  const auto authority = only(fields, ":authority", "it has several :authority");
  const auto host = only(fields, "host", "it has several Host");
  if (!authority && !host) throw HttpProblem("it has no :authority");
  const Authority read = read_authority(authority ? *authority : *host);
  if (host && read_authority(*host) != read) throw HttpProblem("its :authority is not its Host");
  head.host = read.host;
  head.port = read.port;
}

bool is_passed_on(const Http2Field& field) {
  return !is_pseudo(field) && field.name != "host" && !is_of_one_connection(field.name);
}

// gRPC over HTTP/2, "Status-Message": what is not printable ASCII, and '%', is escaped.
std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    if (c >= ' ' && c <= '~' && c != '%') {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<uint8_t>(c));
    }
  }
  return encoded;
}

// INTERNAL, PERMISSION_DENIED, UNAVAILABLE.
int grpc_status(int status) {
  constexpr int kInternal = 13;
  constexpr int kPermissionDenied = 7;
  constexpr int kUnavailable = 14;
  if (status == 403) return kPermissionDenied;
  return status == 502 ? kUnavailable : kInternal;
}

const char* says(int status) {
  return status == 502 ? "failed" : "refused";
}

}  // namespace

size_t list_bytes(const Http2Fields& fields) {
  size_t bytes = 0;
  for (const Http2Field& field : fields) bytes += field.name.size() + field.value.size() + kFieldOverhead;
  return bytes;
}

HttpHead read_http2_request(const Http2Fields& fields, std::string_view scheme) {
  check_fields(fields);
  HttpHead head;
  head.method = only(fields, ":method", "it has several :method").value_or("");
  check_method(head.method);
  if (only(fields, ":protocol", "it has several :protocol")) throw HttpProblem("it asks for another protocol");
  if (only(fields, ":scheme", "it has several :scheme") != scheme)
    throw HttpProblem("its :scheme is not the connection's, " + std::string(scheme));
  head.target = only(fields, ":path", "it has several :path").value_or("");
  check_target_bytes(head.target);
  read_host(fields, head);
  if (const auto expect = only(fields, "expect", "it has several Expect")) {
    if (base::ascii_lower(*expect) != "100-continue") throw HttpProblem("it expects something other than 100-continue");
    head.expects_continue = true;
  }
  return head;
}

Http2Fields request_to_send(const HttpHead& head, const Http2Fields& fields, const std::string& scheme,
                            const std::string& authority) {
  Http2Fields sent = {{.name = ":method", .value = head.method},
                      {.name = ":scheme", .value = scheme},
                      {.name = ":authority", .value = authority},
                      {.name = ":path", .value = head.target}};
  std::copy_if(fields.begin(), fields.end(), std::back_inserter(sent), is_passed_on);
  return sent;
}

SecretUse use_http2_secrets(HttpHead& head, Http2Fields& fields, const RequestSecrets& secrets) {
  RequestParts parts{.method = head.method, .target = &head.target};
  for (Http2Field& field : fields) {
    if (!is_pseudo(field)) parts.fields.push_back({.name = field.name, .value = &field.value});
  }
  SecretUse use = secrets.use(parts);
  if (use.put.empty()) return use;
  std::erase_if(fields, [](const Http2Field& field) { return hides_answer(field.name); });
  fields.push_back({.name = "accept-encoding", .value = "identity"});
  return use;
}

void put_in(Http2Fields& fields, const std::vector<SecretUse::Put>& put) {
  for (Http2Field& field : fields) {
    if (!has_mark(field.value, put)) continue;
    field.value = expand(field.value, put).reveal();
    field.never_indexed = true;
  }
}

void scrub_fields(const AnswerScrub& scrub, Http2Fields& fields) {
  for (Http2Field& field : fields) {
    if (!is_pseudo(field)) field.value = scrub.whole(field.value);
  }
}

std::vector<std::string> take_fields(Http2Fields& fields, std::string_view name) {
  std::vector<std::string> values;
  for (const Http2Field& field : fields) {
    if (field.name == name) values.push_back(field.value);
  }
  std::erase_if(fields, [&](const Http2Field& field) { return field.name == name; });
  return values;
}

int status_of(const Http2Fields& fields) {
  check_fields(fields);
  const auto text = only(fields, ":status", "it has several :status");
  if (!text) return 0;
  const auto status = base::parse_number<unsigned>(*text);
  // 101 has no meaning in HTTP/2 (RFC 9113, section 8.6).
  if (!status || text->size() != 3 || *status < 100 || *status > 599 || *status == 101)
    throw HttpProblem("its :status is none");
  return static_cast<int>(*status);
}

Http2Fields response_to_send(const Http2Fields& fields) {
  Http2Fields sent = {{.name = ":status", .value = std::to_string(status_of(fields))}};
  std::copy_if(fields.begin(), fields.end(), std::back_inserter(sent), is_passed_on);
  return sent;
}

Http2Fields trailers_to_send(const Http2Fields& fields) {
  check_fields(fields);
  const bool misplaced = std::any_of(fields.begin(), fields.end(), [](const Http2Field& field) {
    return is_pseudo(field) || is_no_trailer(field.name);
  });
  if (misplaced) throw HttpProblem("it has a trailer that belongs into its head");
  if (list_bytes(fields) > kMostTrailerBytes)
    throw HttpProblem("its trailers are longer than " + std::to_string(kMostTrailerBytes) + " bytes");
  Http2Fields sent;
  std::copy_if(fields.begin(), fields.end(), std::back_inserter(sent), is_passed_on);
  return sent;
}

bool is_grpc(const Http2Fields& request) {
  return std::any_of(request.begin(), request.end(), [](const Http2Field& field) {
    return field.name == "content-type" && base::ascii_lower(field.value).starts_with("application/grpc");
  });
}

OwnHttp2Answer own_http2_answer(int status, const std::string& text, const std::string& method) {
  OwnHttp2Answer answer;
  answer.body = "caisson: " + text + "\n";
  answer.head = {{.name = ":status", .value = std::to_string(status)},
                 {.name = "content-type", .value = "text/plain; charset=utf-8"},
                 {.name = "content-length", .value = std::to_string(answer.body.size())},
                 {.name = "x-caisson", .value = says(status)}};
  if (method == "HEAD") answer.body.clear();
  return answer;
}

// "Trailers-Only" of gRPC over HTTP/2: the call has failed, whatever it was.
OwnHttp2Answer own_grpc_answer(int status, const std::string& text) {
  return {.head = {{.name = ":status", .value = "200"},
                   {.name = "content-type", .value = "application/grpc"},
                   {.name = "grpc-status", .value = std::to_string(grpc_status(status))},
                   {.name = "grpc-message", .value = percent_encoded("caisson: " + text)},
                   {.name = "x-caisson", .value = says(status)}},
          .body = {}};
}

}  // namespace caisson::gate
