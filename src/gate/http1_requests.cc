// SPDX-License-Identifier: Apache-2.0

// The direction from the client to the server.

#include "gate/http1_connection.h"
#include "gate/http1_write.h"

namespace caisson::gate {
namespace {

constexpr const char* kNotHttp = "the client speaks neither HTTP nor TLS, and requests are judged here";

SecretUse use_secrets(HttpHead& head, const RequestSecrets& secrets) {
  RequestParts parts{.method = head.method, .target = &head.target};
  for (auto& [name, value] : head.fields) parts.fields.push_back({.name = name, .value = &value});
  SecretUse use = secrets.use(parts);
  if (use.put.empty()) return use;
  std::erase_if(head.fields, [](const auto& field) { return hides_answer(field.first); });
  head.fields.emplace_back("accept-encoding", "identity");
  return use;
}

}  // namespace

asio::awaitable<void> Http1Connection::requests() {
  try {
    bool more = true;
    while (more && !closing_) more = co_await one_request();
  } catch (const base::Error& error) {
    fail(error.problem());
  }
  if (!failed_) co_await part_from_client();
  client_dog_.disarm();
  drop_server();
  while (!responses_ended_) co_await changed_.wait();
  finish_exchange();
}

// False: it was the last one.
asio::awaitable<bool> Http1Connection::one_request() {
  bite_after(client_dog_, options_.limits.idle, "no request came for too long");
  bool any = false;
  auto arrived = [&](size_t before, size_t more) {
    if (closing_) return;
    client_head_.set(kCopiesOfHead * (before + more));
    if (std::exchange(any, true)) return;
    bite_after(client_dog_, options_.limits.head, "a request's head took too long");
  };
  HttpHeadReader reader;
  const bool whole = co_await read_http_head(from_client_, reader, arrived);
  if (closing_) co_return false;
  client_dog_.disarm();
  if (!whole) {
    if (any) fail("the client ended within a request's head");
    co_return false;
  }
  switch (reader.state()) {
    case HttpHeadReader::State::kHead: {
      HttpHead head = take_head(reader);
      co_return co_await handle(std::move(head));
    }
    case HttpHeadReader::State::kRefused: {
      HttpRecord record{.method = "", .path = "", .status = 400, .reason = reader.problem()};
      co_await refuse(std::move(record), true);
      co_return false;
    }
    case HttpHeadReader::State::kNotHttp:
    case HttpHeadReader::State::kNeedMore:
      break;
  }
  end_.not_http = true;
  fail(kNotHttp);
  co_return false;
}

asio::awaitable<bool> Http1Connection::handle(HttpHead head) {
  if (options_.secrets) co_await options_.secrets->refresh();
  if (closing_) co_return false;
  if (admit(head)) co_return co_await pass_on(std::move(head));
  co_await refuse_exchange();
  co_return false;
}

asio::awaitable<void> Http1Connection::refuse_exchange() {
  HttpRecord record = std::exchange(exchange_, {})->record;
  const bool has_body = record.method != "HEAD";
  co_await refuse(std::move(record), has_body);
}

// The exchange begins. False: it is refused. (A function of its own for the reason that take_head() is one.)
bool Http1Connection::admit(HttpHead& head) {
  exchange_.emplace(Exchange{.record = judge_head(head, options_), .minor_version = head.minor_version});
  if (exchange_->record.status == 0 && options_.secrets) {
    SecretUse use = use_secrets(head, *options_.secrets);
    note_use(use, options_, exchange_->record);
    exchange_->put = std::move(use.put);
    exchange_->scrub = std::move(use.scrub);
  }
  exchange_->last = head.minor_version == 0 || head.closes;
  exchange_->upgrades = head.upgrade == "websocket" && head.method == "GET" && head.minor_version == 1 &&
                        request_framing(head).kind == BodyFraming::Kind::kNone;
  return exchange_->record.status == 0;
}

asio::awaitable<void> Http1Connection::refuse(HttpRecord record, bool has_body) {
  options_.record(record);
  co_await answer_last(record.status, record.reason, has_body);
}

asio::awaitable<bool> Http1Connection::pass_on(HttpHead head) {
  const BodyFraming framing = request_framing(head);
  co_await pass_head(std::move(head));
  client_head_.release();
  std::string problem = co_await pass_body(framing);
  if (!problem.empty()) {
    co_await spoilt(std::move(problem));
    co_return false;
  }
  exchange_->sent = !server_gone_ && !closing_;
  while (waits_for_answer() && !closing_) co_await changed_.wait();
  // Where the server took no more, the rest of the body is unread, and must not be read as a request.
  if (closing_ || !exchange_->sent) co_return false;
  const bool tunnel = exchange_->tunnel;
  if (tunnel) co_await tunnel_to_server();
  finish_exchange();
  co_return !tunnel;
}

// With what was put in, the text is in memory that is locked and wiped.
asio::awaitable<void> Http1Connection::pass_head(HttpHead head) {
  const std::string text = write_request_head(
      head, {.host = authority_of(options_), .upgrades = exchange_->upgrades, .last = exchange_->last});
  if (exchange_->put.empty()) {
    co_await to_server(text);
    co_return;
  }
  const secrets::Value whole = expand(text, std::exchange(exchange_->put, {}));
  const std::string_view bytes = whole.reveal();
  co_await to_server(bytes);
}

// Returns what is wrong with it.
asio::awaitable<std::string> Http1Connection::pass_body(BodyFraming framing) {
  BodyReader body(framing);
  const bool chunked = framing.kind == BodyFraming::Kind::kChunked;
  StreamScan scan = options_.secrets ? options_.secrets->body_scan() : StreamScan({});
  try {
    while (!body.done() && !closing_ && !server_gone_) {
      const std::string_view bytes = co_await from_client_.peek();
      if (closing_) co_return "";
      if (bytes.empty()) body.end();
      const BodyPiece piece = body.read(bytes);
      check_piece(scan, piece.data);
      if (chunked && !piece.data.empty()) {
        std::string chunk = chunk_begin(piece.data.size());
        chunk.append(piece.data).append(kChunkEnd);
        co_await to_server(chunk);
      } else {
        co_await to_server(piece.data);
      }
      from_client_.consume(piece.used);
    }
    if (body.done()) check_trailers(body.trailers());
  } catch (const HttpProblem& problem) {
    co_return "the HTTP request is refused: " + problem.problem();
  }
  if (chunked && body.done()) {
    const std::string last = last_chunk(body.trailers());
    co_await to_server(last);
  }
  co_return "";
}

void Http1Connection::check_piece(StreamScan& scan, std::string_view data) {
  const auto found = scan.feed(data);
  if (!found) return;
  refuse_secret(exchange_->record, options_.secrets->body_refusal(*found));
  throw HttpProblem(options_.secrets->body_refusal(*found));
}

void Http1Connection::check_trailers(const HttpFields& trailers) {
  if (!options_.secrets) return;
  for (const auto& [name, value] : trailers) {
    const std::string refusal = options_.secrets->trailer_refusal(value);
    if (refusal.empty()) continue;
    refuse_secret(exchange_->record, refusal);
    throw HttpProblem(refusal);
  }
}

// The server must not take what it has got of the request for the whole.
asio::awaitable<void> Http1Connection::spoilt(std::string problem) {
  exchange_->record.reason = problem;
  if (exchange_->begun || exchange_->answering) {
    fail(problem);
    co_return;
  }
  const int status = exchange_->record.allowed ? 400 : 403;
  exchange_->record.status = status;
  server_->abort();
  co_await answer_last(status, std::move(problem), exchange_->record.method != "HEAD");
}

asio::awaitable<void> Http1Connection::tunnel_to_server() {
  while (!closing_ && !server_gone_) {
    const std::string_view bytes = co_await from_client_.peek();
    if (bytes.empty()) break;
    co_await to_server(bytes);
    from_client_.consume(bytes.size());
  }
  if (server_gone_) fail("the server ended the connection");
  if (!closing_) co_await server_->shutdown_write();
  while (!responses_ended_) co_await changed_.wait();
}

// A server that takes no more may have answered before: responses() finds out.
asio::awaitable<void> Http1Connection::to_server(std::string_view bytes) {
  if (bytes.empty() || server_gone_) co_return;
  try {
    const std::span<const uint8_t> span = bytes_of(bytes);
    co_await server_->write(span);
    exchange_->record.sent_bytes += bytes.size();
  } catch (const base::Error&) {
    server_gone_ = true;
  }
}

asio::awaitable<void> Http1Connection::part_from_client() {
  co_await end_client();
  try {
    for (;;) {
      const std::string_view bytes = co_await from_client_.peek();
      if (bytes.empty()) break;
      from_client_.consume(bytes.size());
    }
  } catch (const base::Error&) {
    // It has ended in its way.
  }
}

}  // namespace caisson::gate
