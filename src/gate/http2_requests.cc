// SPDX-License-Identifier: Apache-2.0

// What the client says.

#include <fmt/format.h>
#include <nghttp2/nghttp2.h>

#include "gate/http2_streams.h"

namespace caisson::gate {

void Http2Streams::FromClient::on_head(int32_t stream, Http2Head head) {
  if (const ExchangePtr exchange = find(all_.by_client_, stream)) {
    trailers(*exchange, head);
  } else {
    request(stream, std::move(head));
  }
}

void Http2Streams::FromClient::request(int32_t stream, Http2Head head) {
  const auto exchange = std::make_shared<Exchange>();
  exchange->client_stream = stream;
  exchange->request_whole = head.last;
  exchange->grpc = is_grpc(head.fields);
  all_.by_client_.emplace(stream, exchange);
  try {
    if (!head.problem.empty()) throw HttpProblem(head.problem);
    HttpHead read = read_http2_request(head.fields, all_.scheme_);
    exchange->record = judge_head(read, all_.options_);
    const SecretUse use = use_secrets(*exchange, read, head);
    if (const int status = exchange->record.status; status != 0) {
      const std::string reason = exchange->record.reason;
      all_.answer(*exchange, status, reason);
      return;
    }
    if (all_.options_.judge) exchange->path = path_of(read);
    pass_on(exchange, read, head, use);
  } catch (const HttpProblem& problem) {
    all_.answer(*exchange, 400, "the HTTP request is refused: " + problem.problem());
  } catch (const base::Error& error) {
    all_.answer(*exchange, 502, error.problem());
  }
}

SecretUse Http2Streams::FromClient::use_secrets(Exchange& exchange, HttpHead& head, Http2Head& read) {
  const auto& secrets = all_.options_.secrets;
  if (!secrets || exchange.record.status != 0) return {};
  SecretUse use = use_http2_secrets(head, read.fields, *secrets);
  note_use(use, all_.options_, exchange.record);
  exchange.scrub = use.scrub;
  exchange.scan = secrets->body_scan();
  return use;
}

void Http2Streams::FromClient::pass_on(const ExchangePtr& exchange, const HttpHead& head, const Http2Head& read,
                                       const SecretUse& use) {
  if (all_.server_gone_) {
    // It has seen nothing of it: the client may ask again, on another connection.
    exchange->record.reason = "the server ended the connection";
    all_.client_.reset(exchange->client_stream, NGHTTP2_REFUSED_STREAM);
    return;
  }
  if (all_.by_server_.size() >= all_.server_.most_streams() + Http2Limits::kHeldRequests) {
    exchange->record.reason = "the server takes no more requests at a time";
    all_.client_.reset(exchange->client_stream, NGHTTP2_REFUSED_STREAM);
    return;
  }
  Http2Fields fields = request_to_send(head, read.fields, all_.scheme_, authority_of(all_.options_));
  put_in(fields, use.put);
  exchange->up.ended = read.last;
  exchange->server_stream = all_.server_.request(fields, read.last);
  const size_t sent_bytes = list_bytes(fields);
  for (Http2Field& field : fields) wipe(field.value);
  if (exchange->server_stream <= 0) {
    exchange->server_stream = 0;
    exchange->record.reason = "the server takes no more requests on this connection";
    all_.client_.reset(exchange->client_stream, NGHTTP2_REFUSED_STREAM);
    return;
  }
  exchange->server_open = true;
  exchange->record.sent_bytes = sent_bytes;
  all_.by_server_.emplace(exchange->server_stream, exchange);
}

void Http2Streams::FromClient::trailers(Exchange& exchange, const Http2Head& head) {
  exchange.request_whole = true;
  if (exchange.own || !exchange.server_open) return;
  try {
    if (!head.problem.empty()) throw HttpProblem(head.problem);
    exchange.up.trailers = trailers_to_send(head.fields);
    for (const Http2Field& field : exchange.up.trailers) {
      const std::string refusal = all_.options_.secrets ? all_.options_.secrets->trailer_refusal(field.value) : "";
      if (refusal.empty()) continue;
      refuse_secret(exchange.record, refusal);
      throw HttpProblem(refusal);
    }
  } catch (const HttpProblem& problem) {
    all_.spoil(exchange, problem.problem());
    return;
  }
  exchange.record.sent_bytes += list_bytes(exchange.up.trailers);
  exchange.up.ended = true;
  all_.server_.resume(exchange.server_stream);
}

void Http2Streams::FromClient::on_data(int32_t stream, std::string_view bytes) {
  const ExchangePtr exchange = find(all_.by_client_, stream);
  if (!exchange || exchange->own || !exchange->server_open) {
    all_.client_.taken(stream, bytes.size());
    return;
  }
  if (const auto found = exchange->scan.feed(bytes)) {
    all_.client_.taken(stream, bytes.size());
    const std::string refusal = all_.options_.secrets->body_refusal(*found);
    refuse_secret(exchange->record, refusal);
    all_.spoil(*exchange, refusal);
    return;
  }
  exchange->up.bytes += bytes;
  all_.waiting_bytes_ += bytes.size();
  all_.server_.resume(exchange->server_stream);
}

void Http2Streams::FromClient::on_end(int32_t stream) {
  const ExchangePtr exchange = find(all_.by_client_, stream);
  if (!exchange) return;
  exchange->request_whole = true;
  if (exchange->own || !exchange->server_open) return;
  exchange->up.ended = true;
  all_.server_.resume(exchange->server_stream);
}

// The library resets the stream, and what was sent to the server is not a whole request.
void Http2Streams::FromClient::on_malformed(int32_t stream, const std::string& problem) {
  const std::string reason = "the HTTP request is refused: " + problem;
  if (const ExchangePtr exchange = find(all_.by_client_, stream)) {
    if (!exchange->own) exchange->record.reason = reason;
  } else {
    all_.record({.reason = reason});
  }
  all_.count_wasted();
}

void Http2Streams::FromClient::on_reset(int32_t stream, uint32_t code) {
  const ExchangePtr exchange = find(all_.by_client_, stream);
  if (exchange && exchange->record.reason.empty() && !exchange->answer_sent)
    exchange->record.reason = fmt::format("the client ended it ({})", nghttp2_http2_strerror(code));
  all_.count_wasted();
}

void Http2Streams::FromClient::on_closed(int32_t stream, uint32_t code) {
  const ExchangePtr exchange = find(all_.by_client_, stream);
  if (!exchange) return;
  exchange->client_open = false;
  all_.drop_down(*exchange);
  // A server that has answered early may still want the rest of a whole request.
  const bool whole = exchange->request_whole && exchange->answer_sent;
  if (!whole) {
    exchange->cut_off = true;
    all_.drop_up(*exchange);
    if (exchange->server_open && !exchange->own)
      all_.server_.reset(exchange->server_stream, error_or(code, NGHTTP2_CANCEL));
  }
  if (!exchange->answer_sent && exchange->record.reason.empty()) {
    // The library has reset it: a body that is not as long as the head said, mostly.
    exchange->record.reason =
        fmt::format("the HTTP request is refused: its body is malformed ({})", nghttp2_http2_strerror(code));
    all_.count_wasted();
  }
  if (whole && !exchange->own) all_.calm_.answered();
  if (exchange->own && !exchange->record.allowed) all_.count_wasted();
  all_.record(exchange->record);
  all_.by_client_.erase(stream);
}

void Http2Streams::FromClient::on_last_sent(int32_t stream) {
  const ExchangePtr exchange = find(all_.by_client_, stream);
  if (!exchange) return;
  exchange->answer_sent = true;
  all_.part_from_client(*exchange);
}

Http2Piece Http2Streams::FromClient::next_piece(int32_t stream, std::span<uint8_t> into) {
  const ExchangePtr exchange = find(all_.by_client_, stream);
  if (!exchange) return {.size = 0, .then = Http2Piece::Then::kEnd};
  if (exchange->scrub && !exchange->own && !all_.read_down(*exchange)) return {};
  Http2Piece piece = all_.take(exchange->down, into);
  exchange->record.received_bytes += piece.size;
  if (!exchange->own && !exchange->scrub) all_.server_.taken(exchange->server_stream, piece.size);
  return piece;
}

}  // namespace caisson::gate
