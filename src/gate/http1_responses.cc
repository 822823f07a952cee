// SPDX-License-Identifier: Apache-2.0

// The direction from the server to the client.

#include "gate/http1_connection.h"
#include "gate/http1_write.h"

namespace caisson::gate {

asio::awaitable<void> Http1Connection::responses(std::shared_ptr<Http1Connection> self) {
  std::string problem;
  try {
    bool more = true;
    while (more) more = co_await self->one_response();
  } catch (const base::Error& error) {
    problem = error.problem();
  }
  self->server_dog_.disarm();
  if (!problem.empty()) co_await self->server_failed(std::move(problem));
  self->responses_ended_ = true;
  self->changed_.notify_all();
}

// False: nothing more is to come.
asio::awaitable<bool> Http1Connection::one_response() {
  const std::string_view first = co_await from_server_.peek();
  if (closing_) co_return false;
  if (!waits_for_answer()) {
    co_await nothing_was_asked(first.empty());
    co_return false;
  }
  auto arrived = [this](size_t before, size_t more) {
    server_head_.set(kCopiesOfHead * (before + more));
    if (before == 0) bite_after(server_dog_, options_.limits.head, "the head of an answer took too long");
  };
  HttpResponseReader reader;
  const bool whole = co_await read_http_head(from_server_, reader, arrived);
  server_dog_.disarm();
  if (closing_) co_return false;
  if (!whole) throw base::Error("the server ended the connection before it answered");
  if (reader.state() != HttpResponseReader::State::kHead) throw base::Error(reader.problem());
  HttpResponseHead head = take_head(reader);
  if (head.status >= 200) co_return co_await final_response(std::move(head));
  if (head.status == 101) {
    co_await switch_protocols(std::move(head));
    co_return false;
  }
  // HTTP/1.0 knows no interim answers (RFC 9110, section 15.2).
  if (exchange_->minor_version == 1) {
    exchange_->answering = true;
    co_await pass_answers_head(std::move(head), ResponseForm());
    if (exchange_) exchange_->answering = false;
  }
  co_return !closing_;
}

asio::awaitable<bool> Http1Connection::final_response(HttpResponseHead head) {
  ResponseForm form;
  form.minor_version = exchange_->minor_version;
  form.framing = response_framing(head, exchange_->record.method);
  if (form.framing.kind == BodyFraming::Kind::kChunked && form.minor_version == 0)
    throw base::Error("the server answered HTTP/1.0 with a chunked body");
  form.last = exchange_->last || head.closes || server_gone_ || form.framing.kind == BodyFraming::Kind::kUntilClose;
  exchange_->begun = true;
  exchange_->record.status = head.status;
  co_await pass_answers_head(std::move(head), form);
  const bool whole = co_await pass_answer(form.framing);
  if (!whole) co_return false;
  // What is there beyond the answer was asked for by nobody. It must not become the answer to the next request.
  const bool more = !form.last && from_server_.buffered().empty();
  exchange_->answered = true;
  any_answered_ = true;
  if (!more) co_await end_client();
  changed_.notify_all();
  co_return more;
}

asio::awaitable<void> Http1Connection::pass_answers_head(HttpResponseHead head, ResponseForm form) {
  const std::string text = write_response_head(head, form);
  co_await to_client(text);
  server_head_.release();
}

// False: the connection is closing.
asio::awaitable<bool> Http1Connection::pass_answer(BodyFraming framing) {
  BodyReader body(framing);
  const bool chunked = framing.kind == BodyFraming::Kind::kChunked;
  while (!body.done()) {
    const std::string_view bytes = co_await from_server_.peek();
    if (closing_) co_return false;
    if (bytes.empty()) {
      body.end();
      break;
    }
    const BodyPiece piece = body.read(bytes);
    if (chunked && !piece.data.empty()) {
      std::string chunk = chunk_begin(piece.data.size());
      chunk.append(piece.data).append(kChunkEnd);
      co_await to_client(chunk);
    } else {
      co_await to_client(piece.data);
    }
    from_server_.consume(piece.used);
  }
  if (chunked) {
    const std::string last = last_chunk(body.trailers());
    co_await to_client(last);
  }
  co_return !closing_;
}

asio::awaitable<void> Http1Connection::switch_protocols(HttpResponseHead head) {
  if (!exchange_->upgrades || head.upgrade != "websocket")
    throw base::Error("the server switched to another protocol, which it was not asked for");
  exchange_->begun = true;
  exchange_->tunnel = true;
  exchange_->record.status = head.status;
  const std::string text = write_switch_head(head);
  co_await to_client(text);
  server_head_.release();
  exchange_->answered = true;
  any_answered_ = true;
  changed_.notify_all();
  while (!closing_) {
    const std::string_view bytes = co_await from_server_.peek();
    if (bytes.empty() || closing_) break;
    co_await to_client(bytes);
    from_server_.consume(bytes.size());
  }
  if (closing_) co_return;
  client_told_ = true;
  co_await client_->shutdown_write();
}

asio::awaitable<void> Http1Connection::server_failed(std::string problem) {
  if (closing_) co_return;
  const bool tunnel = exchange_ && exchange_->tunnel;
  if (!tunnel && !waits_for_answer()) {
    co_await end_client();
    co_return;
  }
  // Of a connection that was idle: a reset is what tells the client that it may ask again on another one.
  if (exchange_->begun || any_answered_) {
    fail(problem);
    co_return;
  }
  exchange_->record.status = 502;
  exchange_->record.reason = problem;
  const bool has_body = exchange_->record.method != "HEAD";
  co_await answer_last(502, std::move(problem), has_body);
}

// The server may end a connection that is idle. What it says then (a 408, for one) is not passed on.
asio::awaitable<void> Http1Connection::nothing_was_asked(bool server_ended) {
  if (!server_ended && !any_answered_) {
    end_.not_http = true;
    fail("the server spoke first, so this is not HTTP, and requests are judged here");
    co_return;
  }
  co_await end_client();
}

asio::awaitable<void> Http1Connection::to_client(std::string_view bytes) {
  if (bytes.empty() || closing_) co_return;
  const std::span<const uint8_t> span = bytes_of(bytes);
  std::string problem;
  try {
    co_await client_->write(span);
    if (exchange_) exchange_->record.received_bytes += bytes.size();
  } catch (const base::Error& error) {
    problem = error.problem();
  }
  if (!problem.empty()) fail(problem);
}

}  // namespace caisson::gate
