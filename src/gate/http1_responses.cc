// SPDX-License-Identifier: Apache-2.0

// The direction from the server to the client.

#include "gate/http1_connection.h"
#include "gate/http1_write.h"
#include "gate/websocket_scrub.h"

namespace caisson::gate {
namespace {

void scrub_fields(const AnswerScrub& scrub, HttpFields& fields) {
  for (auto& [name, value] : fields) value = scrub.whole(value);
}

}  // namespace

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
  scrub_head(head);
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
  const BodyFraming framing = form.framing;
  std::string problem = exchange_->scrub ? begin_scrub(head, form) : "";
  if (!problem.empty()) {
    co_await answer_failed(std::move(problem));
    co_return false;
  }
  exchange_->begun = true;
  exchange_->record.status = head.status;
  co_await pass_answers_head(std::move(head), form);
  const bool whole = co_await pass_answer(framing, form.framing.kind == BodyFraming::Kind::kChunked);
  if (!whole) co_return false;
  // What is there beyond the answer was asked for by nobody. It must not become the answer to the next request.
  const bool more = !form.last && from_server_.buffered().empty();
  exchange_->answered = true;
  any_answered_ = true;
  if (!more) co_await end_client();
  changed_.notify_all();
  co_return more;
}

void Http1Connection::scrub_head(HttpResponseHead& head) const {
  if (!exchange_->scrub) return;
  head.reason = exchange_->scrub->whole(head.reason);
  scrub_fields(*exchange_->scrub, head.fields);
}

// How long the body is when it was looked through is known at its end. Returns why it is not passed on.
std::string Http1Connection::begin_scrub(HttpResponseHead& head, ResponseForm& form) {
  if (form.framing.kind == BodyFraming::Kind::kNone) return "";
  std::vector<std::string> codings;
  for (const auto& [name, value] : head.fields) {
    if (name == "content-encoding") codings.push_back(value);
  }
  try {
    exchange_->scrub->begin_body(codings);
  } catch (const HttpProblem& error) {
    return "the server's HTTP response is refused: " + error.problem();
  }
  if (exchange_->scrub->decodes())
    std::erase_if(head.fields, [](const auto& field) { return field.first == "content-encoding"; });
  if (form.framing.kind != BodyFraming::Kind::kLength) return "";
  form.framing = {.kind = form.minor_version == 1 ? BodyFraming::Kind::kChunked : BodyFraming::Kind::kUntilClose};
  form.last = form.last || form.minor_version == 0;
  return "";
}

asio::awaitable<void> Http1Connection::pass_answers_head(HttpResponseHead head, ResponseForm form) {
  const std::string text = write_response_head(head, form);
  co_await to_client(text);
  server_head_.release();
}

// False: the connection is closing.
asio::awaitable<bool> Http1Connection::pass_answer(BodyFraming framing, bool chunked) {
  BodyReader body(framing);
  while (!body.done()) {
    const std::string_view bytes = co_await from_server_.peek();
    if (closing_) co_return false;
    if (bytes.empty()) {
      body.end();
      break;
    }
    const BodyPiece piece = body.read(bytes);
    if (exchange_->scrub) {
      co_await scrub_piece(piece.data, chunked);
    } else {
      co_await pass_piece(piece.data, chunked);
    }
    if (closing_) co_return false;
    from_server_.consume(piece.used);
  }
  HttpFields trailers = body.trailers();
  if (exchange_->scrub && framing.kind != BodyFraming::Kind::kNone) {
    std::string rest;
    exchange_->scrub->end(rest);
    co_await pass_piece(rest, chunked);
    scrub_fields(*exchange_->scrub, trailers);
  }
  if (chunked) {
    const std::string last = last_chunk(trailers);
    co_await to_client(last);
  }
  co_return !closing_;
}

asio::awaitable<void> Http1Connection::scrub_piece(std::string_view data, bool chunked) {
  AnswerScrub::Step step;
  while ((!data.empty() || step.more) && !closing_) {
    std::string passes;
    step = exchange_->scrub->feed(data, passes);
    data.remove_prefix(step.used);
    co_await pass_piece(passes, chunked);
  }
}

asio::awaitable<void> Http1Connection::pass_piece(std::string_view data, bool chunked) {
  if (!chunked || data.empty()) {
    co_await to_client(data);
    co_return;
  }
  std::string chunk = chunk_begin(data.size());
  chunk.append(data).append(kChunkEnd);
  co_await to_client(chunk);
}

asio::awaitable<void> Http1Connection::switch_protocols(HttpResponseHead head) {
  if (!exchange_->upgrades || head.upgrade != "websocket")
    throw base::Error("the server switched to another protocol, which it was not asked for");
  if (exchange_->scrub && only_field(head.fields, "sec-websocket-extensions", "it has several extensions"))
    throw base::Error("the server uses an extension of WebSocket that it was not asked for");
  exchange_->begun = true;
  exchange_->tunnel = true;
  exchange_->record.status = head.status;
  const std::string text = write_switch_head(head);
  co_await to_client(text);
  server_head_.release();
  exchange_->answered = true;
  any_answered_ = true;
  changed_.notify_all();
  co_await pass_frames();
  if (closing_) co_return;
  client_told_ = true;
  co_await client_->shutdown_write();
}

asio::awaitable<void> Http1Connection::pass_frames() {
  std::optional<WebSocketScrub> scrub;
  if (exchange_->scrub) scrub.emplace(*exchange_->scrub);
  while (!closing_) {
    const std::string_view bytes = co_await from_server_.peek();
    if (bytes.empty() || closing_) break;
    std::string passes;
    if (scrub) scrub->feed(bytes, passes);
    const std::string_view passed = scrub ? std::string_view(passes) : bytes;
    co_await to_client(passed);
    from_server_.consume(bytes.size());
  }
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
  co_await answer_failed(std::move(problem));
}

// Nothing of an answer was sent to the client.
asio::awaitable<void> Http1Connection::answer_failed(std::string problem) {
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
