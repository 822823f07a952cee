// SPDX-License-Identifier: Apache-2.0

#include "gate/http_fields.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/ascii.h"
#include "base/text.h"

namespace caisson::gate {
namespace {

bool is_control(char c) {
  return (static_cast<uint8_t>(c) < 0x20 && c != '\t') || c == 0x7F;
}

}  // namespace

bool is_http_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    const char lower = base::ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
  });
}

bool has_control_byte(std::string_view value) {
  return std::any_of(value.begin(), value.end(), is_control);
}

bool has_member(std::string_view value, std::string_view member) {
  const std::vector<std::string> members = base::split(base::ascii_lower(value), ',');
  return std::any_of(members.begin(), members.end(),
                     [&](const std::string& one) { return base::trimmed(one) == member; });
}

bool any_has_member(const HttpFields& fields, std::string_view name, std::string_view member) {
  return std::any_of(fields.begin(), fields.end(),
                     [&](const auto& field) { return field.first == name && has_member(field.second, member); });
}

bool is_of_one_connection(std::string_view name) {
  constexpr std::array<std::string_view, 9> kNames = {
      "connection",       "http2-settings",    "keep-alive", "proxy-authenticate", "proxy-authorization",
      "proxy-connection", "transfer-encoding", "upgrade",    "x-caisson"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

bool is_no_trailer(std::string_view name) {
  constexpr std::array<std::string_view, 9> kNames = {
      "connection", "content-encoding", "content-length",    "content-type", "host",
      "te",         "trailer",          "transfer-encoding", "upgrade"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

void append_field(HttpFields& fields, std::string_view line) {
  if (line.starts_with(' ') || line.starts_with('\t')) throw HttpProblem("it has a folded line");
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_http_token(line.substr(0, colon)))
    throw HttpProblem("it has a line that is no field");
  const std::string_view value = line.substr(colon + 1);
  if (has_control_byte(value)) throw HttpProblem("it has a field with a control byte");
  if (fields.size() >= kMaxHttpFields) throw HttpProblem("it has more than 256 fields");
  fields.emplace_back(base::ascii_lower(line.substr(0, colon)), base::trimmed(value));
}

std::optional<std::string_view> only_field(const HttpFields& fields, std::string_view name, const char* twice) {
  std::optional<std::string_view> found;
  for (const auto& [key, value] : fields) {
    if (key != name) continue;
    if (found) throw HttpProblem(twice);
    found = value;
  }
  return found;
}

HttpLength read_length(const HttpFields& fields, int minor_version) {
  HttpLength read;
  const auto length = only_field(fields, "content-length", "it has several Content-Length");
  const auto coding = only_field(fields, "transfer-encoding", "it has several Transfer-Encoding");
  if (length && coding) throw HttpProblem("it has both Content-Length and Transfer-Encoding");
  if (length) {
    read.content_length = base::parse_number<uint64_t>(*length);
    if (!read.content_length) throw HttpProblem("its Content-Length is no number");
  }
  if (coding) {
    if (base::ascii_lower(*coding) != "chunked") throw HttpProblem("its Transfer-Encoding is not 'chunked'");
    if (minor_version == 0) throw HttpProblem("it has a Transfer-Encoding in HTTP/1.0");
    read.chunked = true;
  }
  return read;
}

}  // namespace caisson::gate
