// SPDX-License-Identifier: Apache-2.0

#include "gate/http_head.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/text.h"
#include "gate/http_authority.h"

namespace caisson::gate {
namespace {

constexpr std::string_view kHeadLineEnd = "\r\n";

// Could these first bytes be a request line's? Tells other protocols before they have sent a line's end.
bool may_be_request(std::string_view bytes) {
  const std::string_view method = bytes.substr(0, bytes.find(' '));
  return method.size() <= kMaxMethodBytes && is_http_token(method);
}

struct RequestLine {
  std::string_view method;
  std::string_view target;
  std::string_view version;
};

// Nothing where it is not METHOD, target and HTTP/1.x with one blank between them.
std::optional<RequestLine> split_request_line(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == last) return std::nullopt;
  const RequestLine parts{line.substr(0, first), line.substr(first + 1, last - first - 1), line.substr(last + 1)};
  if (!may_be_request(line) || (parts.version != "HTTP/1.0" && parts.version != "HTTP/1.1")) return std::nullopt;
  return parts;
}

// The target into the head; of an absolute-form also its authority.
std::optional<Authority> read_target(std::string_view target, HttpHead& head) {
  check_target_bytes(target);
  if (target.starts_with('/') || (target == "*" && head.method == "OPTIONS")) {
    head.target = target;
    return std::nullopt;
  }
  constexpr std::string_view kScheme = "http://";
  if (base::ascii_lower(target.substr(0, kScheme.size())) != kScheme) throw HttpProblem("its target is no path");
  const std::string_view rest = target.substr(kScheme.size());
  const size_t end = std::min(rest.find_first_of("/?"), rest.size());
  head.target = rest.substr(end);
  if (!head.target.starts_with('/')) head.target.insert(0, "/");
  return read_authority(rest.substr(0, end));
}

void read_connection(HttpHead& head) {
  const HttpMembers members = members_of(head.fields, "connection");
  // A proxy drops the fields that are named there: the next server would not see what was judged.
  for (const char* name : {"host", "content-length", "transfer-encoding"}) {
    if (has_member(members, name)) throw HttpProblem("its Connection names a field that has to stay");
  }
  head.takes_trailers = has_member(members_of(head.fields, "te"), "trailers");
  head.closes = has_member(members, "close");
  const bool upgrades = has_member(members, "upgrade");
  const auto upgrade = only_field(head.fields, "upgrade", "it has several Upgrade");
  if (upgrades && upgrade) head.upgrade = base::ascii_lower(*upgrade);
  if (const auto expect = only_field(head.fields, "expect", "it has several Expect")) {
    if (base::ascii_lower(*expect) != "100-continue") throw HttpProblem("it expects something other than 100-continue");
    head.expects_continue = true;
  }
  drop_members(head.fields, members);
}

void read_host(const std::optional<Authority>& target_authority, HttpHead& head) {
  const auto host = only_field(head.fields, "host", "it has several Host");
  if (!host) throw HttpProblem("it has no Host");
  Authority authority = read_authority(*host);
  if (target_authority && *target_authority != authority) throw HttpProblem("its target's host is not its Host");
  head.host = std::move(authority.host);
  head.port = authority.port;
}

// `line`: without its CRLF; `fields`: up to the empty line.
HttpHead read_head(const RequestLine& line, std::string_view fields) {
  HttpHead head;
  head.method = line.method;
  head.minor_version = line.version.back() - '0';
  check_method(head.method);
  const auto target_authority = read_target(line.target, head);
  while (!fields.empty()) {
    const size_t end = fields.find(kHeadLineEnd);
    append_field(head.fields, fields.substr(0, end));
    fields.remove_prefix(end + kHeadLineEnd.size());
  }
  read_host(target_authority, head);
  const HttpLength length = read_length(head.fields, head.minor_version);
  head.content_length = length.content_length;
  head.chunked = length.chunked;
  read_connection(head);
  return head;
}

}  // namespace

HttpHeadReader::State HttpHeadReader::feed(std::string_view bytes) {
  if (state_ != State::kNeedMore || bytes.empty()) return state_;
  const size_t before = seen_.size();
  seen_ += bytes.substr(0, kMaxBytes - before);
  if (line_bytes_ == 0) read_request_line(before);
  if (state_ == State::kNeedMore && line_bytes_ != 0) find_end(before);
  if (state_ == State::kNeedMore && seen_.size() == kMaxBytes) refuse("it is longer than 65536 bytes");
  return state_;
}

void HttpHeadReader::read_request_line(size_t from) {
  const size_t end = seen_.find('\n', from);
  if (end == std::string::npos) {
    if (!may_be_request(seen_)) state_ = State::kNotHttp;
    return;
  }
  const bool whole = end > 0 && seen_[end - 1] == '\r';
  if (!split_request_line(std::string_view(seen_).substr(0, whole ? end - 1 : end))) {
    state_ = State::kNotHttp;
  } else if (!whole) {
    refuse("a line ends with LF alone");
  }
  line_bytes_ = end + 1;
}

void HttpHeadReader::find_end(size_t from) {
  for (size_t at = seen_.find('\n', std::max(from, line_bytes_)); at != std::string::npos;
       at = seen_.find('\n', at + 1)) {
    if (seen_[at - 1] != '\r') return refuse("a line ends with LF alone");
    if (seen_[at - 2] == '\n') return finish(at + 1);
  }
}

void HttpHeadReader::finish(size_t size) {
  const std::string_view text(seen_);
  const std::string_view line = text.substr(0, line_bytes_ - kHeadLineEnd.size());
  const std::string_view fields = text.substr(line_bytes_, size - kHeadLineEnd.size() - line_bytes_);
  try {
    head_ = read_head(split_request_line(line).value(), fields);
    head_.size = size;
    state_ = State::kHead;
  } catch (const HttpProblem& error) {
    refuse(error.problem());
  }
}

void HttpHeadReader::refuse(const std::string& problem) {
  state_ = State::kRefused;
  problem_ = "the HTTP request is refused: " + problem;
}

}  // namespace caisson::gate
