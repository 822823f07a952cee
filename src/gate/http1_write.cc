// SPDX-License-Identifier: Apache-2.0

#include "gate/http1_write.h"

#include <fmt/format.h>

namespace caisson::gate {
namespace {

bool stays_here(std::string_view name) {
  return name == "content-length" || name == "host" || name == "te" || is_of_one_connection(name);
}

void put(std::string& text, std::string_view name, std::string_view value) {
  text += fmt::format("{}: {}\r\n", name, value);
}

void put_fields(std::string& text, const HttpFields& fields) {
  for (const auto& [name, value] : fields) {
    if (!stays_here(name)) put(text, name, value);
  }
}

void put_framing(std::string& text, const BodyFraming& framing) {
  if (framing.kind == BodyFraming::Kind::kLength) put(text, "content-length", std::to_string(framing.length));
  if (framing.kind == BodyFraming::Kind::kChunked) put(text, "transfer-encoding", "chunked");
}

void put_upgrade(std::string& text) {
  put(text, "connection", "Upgrade");
  put(text, "upgrade", "websocket");
}

std::string status_line(const HttpResponseHead& head, int minor_version) {
  return fmt::format("HTTP/1.{} {} {}\r\n", minor_version, head.status, head.reason);
}

std::string_view reason_of(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    default:
      return "Bad Gateway";
  }
}

}  // namespace

std::string write_request_head(const HttpHead& head, const RequestForm& form) {
  std::string text = fmt::format("{} {} HTTP/1.{}\r\n", head.method, head.target, head.minor_version);
  put(text, "host", form.host);
  put_fields(text, head.fields);
  put_framing(text, request_framing(head));
  // The other things that TE may say are of this connection.
  const bool trailers = !form.upgrades && head.takes_trailers;
  if (trailers) put(text, "te", "trailers");
  if (form.upgrades) {
    put_upgrade(text);
  } else if (form.last) {
    put(text, "connection", trailers ? "close, TE" : "close");
  } else if (trailers) {
    put(text, "connection", "TE");
  }
  return text + "\r\n";
}

std::string write_response_head(const HttpResponseHead& head, const ResponseForm& form) {
  std::string text = status_line(head, form.minor_version);
  put_fields(text, head.fields);
  put_framing(text, form.framing);
  // What GET would have been answered with. In front of no body it is allowed for these two only.
  const bool tells_length = head.status >= 200 && head.status != 204 && head.length.content_length;
  if (form.framing.kind == BodyFraming::Kind::kNone && tells_length)
    put(text, "content-length", std::to_string(*head.length.content_length));
  if (form.last) put(text, "connection", "close");
  return text + "\r\n";
}

std::string write_switch_head(const HttpResponseHead& head) {
  std::string text = status_line(head, 1);
  put_fields(text, head.fields);
  put_upgrade(text);
  return text + "\r\n";
}

std::string write_own_answer(const OwnAnswer& answer) {
  const std::string body = "caisson: " + answer.text + "\n";
  std::string text = fmt::format("HTTP/1.1 {} {}\r\n", answer.status, reason_of(answer.status));
  put(text, "content-type", "text/plain; charset=utf-8");
  put(text, "content-length", std::to_string(body.size()));
  put(text, "x-caisson", answer.status == 502 ? "failed" : "refused");
  put(text, "connection", "close");
  text += "\r\n";
  return answer.has_body ? text + body : text;
}

}  // namespace caisson::gate
