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

HttpMembers members_of(const HttpFields& fields, std::string_view name) {
  HttpMembers members;
  for (const auto& [key, value] : fields) {
    if (key != name) continue;
    for (std::string_view left = value; !left.empty();) {
      const size_t comma = std::min(left.find(','), left.size());
      std::string member = base::ascii_lower(base::trimmed(left.substr(0, comma)));
      left.remove_prefix(std::min(comma + 1, left.size()));
      if (member.empty()) continue;
      if (members.size() == kMaxHttpMembers)
        throw HttpProblem("its field '" + std::string(name) + "' lists more than " + std::to_string(kMaxHttpMembers));
      members.push_back(std::move(member));
    }
  }
  return members;
}

bool has_member(const HttpMembers& members, std::string_view member) {
  return std::find(members.begin(), members.end(), member) != members.end();
}

void drop_members(HttpFields& fields, const HttpMembers& members) {
  std::erase_if(fields, [&](const auto& field) { return has_member(members, field.first); });
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
