// SPDX-License-Identifier: Apache-2.0

#include "gate/http1_response.h"

#include "base/ascii.h"
#include "base/text.h"

namespace caisson::gate {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

// "HTTP/1.1 200 OK"; some servers leave out the blank in front of an empty reason.
void read_status_line(std::string_view line, HttpResponseHead& head) {
  constexpr std::string_view kVersion = "HTTP/1.";
  constexpr size_t kStatusBegin = kVersion.size() + 2;
  constexpr size_t kStatusEnd = kStatusBegin + 3;
  const HttpProblem none("its first line is no status line");
  if (!line.starts_with(kVersion) || line.size() < kStatusEnd) throw none;
  const char minor = line[kVersion.size()];
  if ((minor != '0' && minor != '1') || line[kStatusBegin - 1] != ' ') throw none;
  const auto status = base::parse_number<unsigned>(line.substr(kStatusBegin, 3));
  if (!status || *status < 100 || *status > 599) throw none;
  if (line.size() > kStatusEnd && line[kStatusEnd] != ' ') throw none;
  const std::string_view reason = line.size() > kStatusEnd ? line.substr(kStatusEnd + 1) : std::string_view();
  if (has_control_byte(reason)) throw none;
  head.status = static_cast<int>(*status);
  head.reason = reason;
  head.minor_version = minor - '0';
}

HttpResponseHead read_head(std::string_view text) {
  HttpResponseHead head;
  head.size = text.size();
  text.remove_suffix(kLineEnd.size());
  const size_t line_bytes = text.find(kLineEnd);
  read_status_line(text.substr(0, line_bytes), head);
  text.remove_prefix(line_bytes + kLineEnd.size());
  while (!text.empty()) {
    const size_t end = text.find(kLineEnd);
    append_field(head.fields, text.substr(0, end));
    text.remove_prefix(end + kLineEnd.size());
  }
  head.length = read_length(head.fields, head.minor_version);
  const HttpMembers members = members_of(head.fields, "connection");
  head.closes = head.minor_version == 0 || has_member(members, "close");
  if (const auto upgrade = only_field(head.fields, "upgrade", "it has several Upgrade"))
    head.upgrade = base::ascii_lower(*upgrade);
  drop_members(head.fields, members);
  return head;
}

}  // namespace

HttpResponseReader::State HttpResponseReader::feed(std::string_view bytes) {
  if (state_ != State::kNeedMore || bytes.empty()) return state_;
  const size_t before = seen_.size();
  seen_ += bytes.substr(0, kMaxBytes - before);
  find_end(before);
  if (state_ == State::kNeedMore && seen_.size() == kMaxBytes) refuse("it is longer than 65536 bytes");
  return state_;
}

void HttpResponseReader::find_end(size_t from) {
  for (size_t at = seen_.find('\n', from); at != std::string::npos; at = seen_.find('\n', at + 1)) {
    if (at == 0 || seen_[at - 1] != '\r') return refuse("a line ends with LF alone");
    if (at == 1) return refuse("its first line is no status line");
    if (seen_[at - 2] == '\n') return finish(at + 1);
  }
}

void HttpResponseReader::finish(size_t size) {
  try {
    head_ = read_head(std::string_view(seen_).substr(0, size));
    state_ = State::kHead;
  } catch (const HttpProblem& error) {
    refuse(error.problem());
  }
}

void HttpResponseReader::refuse(const std::string& problem) {
  state_ = State::kRefused;
  problem_ = "the server's HTTP response is refused: " + problem;
}

}  // namespace caisson::gate
