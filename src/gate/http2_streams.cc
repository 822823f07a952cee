// SPDX-License-Identifier: Apache-2.0

// How a request ends, and the gate's own answers.

#include "gate/http2_streams.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <vector>

namespace caisson::gate {
namespace {

constexpr uint16_t kTlsPort = 443;

}  // namespace

Http2Streams::Http2Streams(HttpOptions options, bool has_server)
    : options_(std::move(options)),
      scheme_(options_.usual_port == kTlsPort ? "https" : "http"),
      client_(Http2Session::Role::kServer, from_client_),
      server_(Http2Session::Role::kClient, from_server_),
      calm_(Http2Calm::Clock::now()),
      server_gone_(!has_server) {}

Http2Streams::ExchangePtr Http2Streams::find(const ByStream& streams, int32_t stream) {
  const auto found = streams.find(stream);
  return found == streams.end() ? nullptr : found->second;
}

// Into the buffer that a session sends from.
Http2Piece Http2Streams::take(Body& body, std::span<uint8_t> into) {
  const size_t size = std::min(into.size(), body.bytes.size());
  std::copy_n(body.bytes.begin(), size, into.begin());
  body.bytes.erase(0, size);
  waiting_bytes_ -= size;
  ++progress_;
  Http2Piece piece{.size = size};
  if (!body.bytes.empty() || !body.ended) return piece;
  piece.then = body.trailers.empty() ? Http2Piece::Then::kEnd : Http2Piece::Then::kTrailers;
  piece.trailers = std::move(body.trailers);
  return piece;
}

// A body that is passed on no more does not hold its sender's window.
void Http2Streams::drop_up(Exchange& exchange) {
  client_.taken(exchange.client_stream, exchange.up.bytes.size());
  waiting_bytes_ -= exchange.up.bytes.size();
  exchange.up.bytes.clear();
}

void Http2Streams::drop_down(Exchange& exchange) {
  const size_t taken = exchange.scrub ? exchange.unread.size() : exchange.down.bytes.size();
  if (exchange.server_stream != 0 && !exchange.own) server_.taken(exchange.server_stream, taken);
  waiting_bytes_ -= exchange.down.bytes.size() + exchange.unread.size();
  exchange.down.bytes.clear();
  exchange.unread.clear();
}

// The gate's own, of a request that has no answer yet. The server hears no more of it.
void Http2Streams::answer(Exchange& exchange, int status, const std::string& text) {
  exchange.record.status = status;
  exchange.record.reason = text;
  exchange.own = true;
  exchange.answer_begun = true;
  exchange.answer_whole = true;
  drop_up(exchange);
  if (exchange.server_open) server_.reset(exchange.server_stream, NGHTTP2_CANCEL);
  OwnHttp2Answer answer =
      exchange.grpc ? own_grpc_answer(status, text) : own_http2_answer(status, text, exchange.record.method);
  exchange.down.ended = true;
  exchange.down.bytes = std::move(answer.body);
  waiting_bytes_ += exchange.down.bytes.size();
  client_.answer(exchange.client_stream, answer.head, exchange.down.bytes.empty());
}

void Http2Streams::count_wasted() {
  if (calm_.wasted(Http2Calm::Clock::now()) || !failure_.empty()) return;
  failure_ = "the client begins requests that come to nothing too fast (rapid reset, or refusals)";
  client_.terminate(NGHTTP2_ENHANCE_YOUR_CALM);
}

// What the client has sent is no whole request, and must not be taken for one.
void Http2Streams::spoil(Exchange& exchange, const std::string& problem) {
  if (exchange.own) return;
  const std::string reason = "the HTTP request is refused: " + problem;
  if (!exchange.answer_begun) {
    answer(exchange, exchange.record.allowed ? 400 : 403, reason);
    return;
  }
  exchange.record.reason = reason;
  drop_up(exchange);
  if (exchange.server_open) server_.reset(exchange.server_stream, NGHTTP2_CANCEL);
  client_.reset(exchange.client_stream, NGHTTP2_PROTOCOL_ERROR);
}

void Http2Streams::server_failed(Exchange& exchange, const std::string& problem) {
  if (!exchange.client_open || exchange.own) return;
  if (!exchange.answer_begun) {
    answer(exchange, 502, problem);
    return;
  }
  exchange.record.reason = problem;
  client_.reset(exchange.client_stream, NGHTTP2_INTERNAL_ERROR);
}

// A client that has its answer need not send the rest of its request, where nobody takes it (RFC 9113, section 8.1).
void Http2Streams::part_from_client(Exchange& exchange) {
  if (exchange.client_open && exchange.answer_sent && !exchange.request_whole && !exchange.server_open)
    client_.reset(exchange.client_stream, NGHTTP2_NO_ERROR);
}

void Http2Streams::client_ended() {
  if (std::exchange(client_gone_, true)) return;
  for (const auto& [stream, exchange] : by_server_) server_.reset(stream, NGHTTP2_CANCEL);
  server_.terminate(NGHTTP2_NO_ERROR);
  client_.terminate(NGHTTP2_NO_ERROR);
}

void Http2Streams::server_ended(const std::string& problem) {
  if (std::exchange(server_gone_, true)) return;
  const std::string reason = problem.empty() ? "the server ended the connection" : problem;
  for (const auto& [stream, exchange] : std::exchange(by_server_, {})) {
    exchange->server_open = false;
    drop_up(*exchange);
    if (exchange->answer_whole) {
      part_from_client(*exchange);
    } else {
      server_failed(*exchange, reason);
    }
  }
  server_.terminate(NGHTTP2_NO_ERROR);
  if (server_.met()) {
    client_.go_away(NGHTTP2_NO_ERROR);
  } else {
    // Another connection would end in the same way.
    options_.no_server = reason;
  }
}

void Http2Streams::reconsider(const Judge& judge) {
  for (const auto& [stream, exchange] : by_client_) {
    if (exchange->own || !exchange->record.allowed) continue;
    const auto path = canonical_path(exchange->path);
    if (!path) continue;
    Verdict verdict = judge(exchange->record.method, *path);
    if (verdict.allowed) continue;
    exchange->record.allowed = false;
    exchange->record.any_rule = !verdict.entry;
    exchange->record.entry = std::move(verdict.entry);
    if (!exchange->answer_begun) {
      answer(*exchange, 403, verdict.reason);
      continue;
    }
    exchange->record.reason = verdict.reason;
    drop_up(*exchange);
    if (exchange->server_open) server_.reset(exchange->server_stream, NGHTTP2_CANCEL);
    client_.reset(stream, NGHTTP2_CANCEL);
  }
}

void Http2Streams::finish(const std::string& failure) {
  for (const auto& [stream, exchange] : std::exchange(by_client_, {})) {
    if (!exchange->answer_sent && exchange->record.reason.empty())
      exchange->record.reason = failure.empty() ? "the client ended the connection" : failure;
    record(exchange->record);
  }
}

}  // namespace caisson::gate
