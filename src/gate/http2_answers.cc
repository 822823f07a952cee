// SPDX-License-Identifier: Apache-2.0

// What the server says.

#include <fmt/format.h>
#include <nghttp2/nghttp2.h>

#include "gate/http2_streams.h"

namespace caisson::gate {

void Http2Streams::FromServer::on_head(int32_t stream, Http2Head head) {
  const ExchangePtr exchange = find(all_.by_server_, stream);
  if (!exchange || !exchange->client_open || exchange->own) return;
  std::string wrong;
  try {
    if (!head.problem.empty()) throw HttpProblem(head.problem);
    pass_head(*exchange, std::move(head));
  } catch (const HttpProblem& problem) {
    wrong = "the server's HTTP response is refused: " + problem.problem();
  }
  if (wrong.empty()) return;
  all_.server_failed(*exchange, wrong);
  all_.server_.reset(stream, NGHTTP2_PROTOCOL_ERROR);
}

void Http2Streams::FromServer::pass_head(Exchange& exchange, Http2Head head) {
  const int status = status_of(head.fields);
  if (status == 0) {
    exchange.down.trailers = trailers_to_send(head.fields);
    if (exchange.scrub) scrub_fields(*exchange.scrub, exchange.down.trailers);
    exchange.record.received_bytes += list_bytes(exchange.down.trailers);
    exchange.down.ended = !exchange.scrub;
    exchange.answer_whole = true;
    all_.client_.resume(exchange.client_stream);
    return;
  }
  Http2Fields fields = response_to_send(head.fields);
  if (exchange.scrub) scrub_fields(*exchange.scrub, fields);
  if (exchange.scrub && status >= 200 && !head.last) {
    exchange.scrub->begin_body(take_fields(fields, "content-encoding"));
    take_fields(fields, "content-length");
  }
  exchange.record.received_bytes += list_bytes(fields);
  if (status < 200) {
    all_.client_.interim(exchange.client_stream, fields);
    return;
  }
  exchange.record.status = status;
  exchange.answer_begun = true;
  exchange.answer_whole = head.last;
  exchange.down.ended = head.last;
  all_.client_.answer(exchange.client_stream, fields, head.last);
}

void Http2Streams::FromServer::on_data(int32_t stream, std::string_view bytes) {
  const ExchangePtr exchange = find(all_.by_server_, stream);
  if (!exchange || !exchange->client_open || exchange->own) {
    all_.server_.taken(stream, bytes.size());
    return;
  }
  (exchange->scrub ? exchange->unread : exchange->down.bytes) += bytes;
  all_.waiting_bytes_ += bytes.size();
  all_.client_.resume(exchange->client_stream);
}

void Http2Streams::FromServer::on_end(int32_t stream) {
  const ExchangePtr exchange = find(all_.by_server_, stream);
  if (!exchange || exchange->own) return;
  exchange->down.ended = !exchange->scrub;
  exchange->answer_whole = true;
  if (exchange->client_open) all_.client_.resume(exchange->client_stream);
}

void Http2Streams::FromServer::on_malformed(int32_t stream, const std::string& problem) {
  if (const ExchangePtr exchange = find(all_.by_server_, stream))
    exchange->server_problem = "the server's HTTP response is refused: " + problem;
}

void Http2Streams::FromServer::on_closed(int32_t stream, uint32_t code) {
  const ExchangePtr exchange = find(all_.by_server_, stream);
  if (!exchange) return;
  all_.by_server_.erase(stream);
  exchange->server_open = false;
  all_.drop_up(*exchange);
  if (!exchange->client_open || exchange->own) {
    all_.part_from_client(*exchange);
    return;
  }
  if (!exchange->server_problem.empty() && (!exchange->answer_whole || !exchange->answer_sent)) {
    all_.server_failed(*exchange, exchange->server_problem);
  } else if (exchange->answer_whole) {
    all_.part_from_client(*exchange);
  } else {
    // Its code says whether the request may be asked again (REFUSED_STREAM), or by HTTP/1.1 (HTTP_1_1_REQUIRED).
    if (exchange->record.reason.empty())
      exchange->record.reason = fmt::format("the server ended it ({})", nghttp2_http2_strerror(code));
    all_.client_.reset(exchange->client_stream, error_or(code, NGHTTP2_INTERNAL_ERROR));
  }
}

// Looks through what has come of an answer until something of it passes, a bounded part at a time. False: it cannot be
// read, and its stream was reset.
bool Http2Streams::read_down(Exchange& exchange) {
  Body& down = exchange.down;
  try {
    while (down.bytes.empty() && (!exchange.unread.empty() || exchange.more_decoded)) {
      const AnswerScrub::Step step = exchange.scrub->feed(exchange.unread, down.bytes);
      exchange.unread.erase(0, step.used);
      exchange.more_decoded = step.more;
      server_.taken(exchange.server_stream, step.used);
      waiting_bytes_ += down.bytes.size();
      waiting_bytes_ -= step.used;
    }
    if (down.bytes.empty() && exchange.answer_whole && !down.ended) {
      exchange.scrub->end(down.bytes);
      waiting_bytes_ += down.bytes.size();
      down.ended = true;
    }
    return true;
  } catch (const HttpProblem& problem) {
    server_failed(exchange, "the server's HTTP response is refused: " + problem.problem());
    if (exchange.server_open) server_.reset(exchange.server_stream, NGHTTP2_CANCEL);
    return false;
  }
}

Http2Piece Http2Streams::FromServer::next_piece(int32_t stream, std::span<uint8_t> into) {
  const ExchangePtr exchange = find(all_.by_server_, stream);
  // It was reset, and that it was is sent soon.
  if (!exchange || exchange->own || exchange->cut_off) return {};
  Http2Piece piece = all_.take(exchange->up, into);
  exchange->record.sent_bytes += piece.size;
  all_.client_.taken(exchange->client_stream, piece.size);
  return piece;
}

}  // namespace caisson::gate
