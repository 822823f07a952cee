// SPDX-License-Identifier: Apache-2.0

#include "keeper/connection.h"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "base/scope.h"
#include "base/text.h"
#include "keeper/api.h"

namespace caisson::keeper {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using Stream = beast::basic_stream<asio::local::stream_protocol>;
using Parser = http::request_parser<http::string_body>;
using Response = http::response<http::string_body>;
using boost::system::error_code;

constexpr uint32_t kMaxHeaderBytes = 16U << 10;
constexpr std::chrono::seconds kTransferLimit{30};
constexpr std::chrono::seconds kIdleLimit{60};
constexpr const char* kUpgradeName = "caisson-stream";

struct Connection {
  Stream stream;
  bool may_idle = false;  // the first client's: as long as it is there it may mean something
  beast::flat_buffer buffer{kMaxHeaderBytes + kMaxBodyBytes};
};

Response make_response(const ApiAnswer& answered, bool keep_alive) {
  Response response(static_cast<http::status>(answered.status), 11);
  response.set(http::field::content_type, "application/json");
  if (answered.status == 426) response.set(http::field::upgrade, kUpgradeName);
  if (!answered.allow.empty()) response.set(http::field::allow, answered.allow);
  response.keep_alive(keep_alive);
  response.body() = base::to_line(answered.body) + "\n";
  response.prepare_payload();
  return response;
}

Response make_upgrade_response() {
  Response response(http::status::switching_protocols, 11);
  response.set(http::field::connection, "Upgrade");
  response.set(http::field::upgrade, kUpgradeName);
  return response;
}

asio::awaitable<bool> write_response(Connection& connection, Response response) {
  error_code error;
  connection.stream.expires_after(kTransferLimit);
  co_await http::async_write(connection.stream, response, asio::redirect_error(asio::use_awaitable, error));
  connection.stream.expires_never();
  co_return !error;
}

// What the parser found wrong, where that can be answered.
std::optional<ApiAnswer> refusal(const error_code& error) {
  if (error == http::error::body_limit) return failure(413, "the request's body is too large");
  if (error == http::error::header_limit || error == http::error::buffer_overflow)
    return failure(431, "the request's header is too large");
  if (error.category() == make_error_code(http::error::bad_method).category() && error != http::error::end_of_stream &&
      error != http::error::partial_message)
    return failure(400, "this is not an HTTP/1.1 request: " + error.message());
  return std::nullopt;
}

// The next request; false when the connection is to be closed.
asio::awaitable<bool> read_request(Connection& connection, Parser& parser) {
  error_code error;
  parser.header_limit(kMaxHeaderBytes);
  parser.body_limit(kMaxBodyBytes);
  if (connection.buffer.size() == 0) {
    // Nothing has come yet: only the first byte starts the clock of a request.
    if (!connection.may_idle) connection.stream.expires_after(kIdleLimit);
    const size_t count = co_await connection.stream.async_read_some(connection.buffer.prepare(kMaxHeaderBytes),
                                                                    asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return false;
    connection.buffer.commit(count);
  }
  connection.stream.expires_after(kTransferLimit);
  co_await http::async_read(connection.stream, connection.buffer, parser,
                            asio::redirect_error(asio::use_awaitable, error));
  connection.stream.expires_never();
  if (!error) co_return true;
  const std::optional<ApiAnswer> refused = refusal(error);
  if (refused) {
    Response response = make_response(*refused, false);
    co_await write_response(connection, std::move(response));
  }
  co_return false;
}

bool asks_upgrade(const Parser::value_type& message) {
  return http::token_list(message[http::field::connection]).exists("upgrade") &&
         beast::iequals(message[http::field::upgrade], kUpgradeName);
}

void notify(ConnectionOptions& options) {
  options.traffic->changed.notify_all();
}

// From here the connection speaks something else; what the parser has read too much comes first.
asio::awaitable<void> become_stream(Connection& connection, ConnectionOptions& options, StreamHandler handler) {
  std::string early = beast::buffers_to_string(connection.buffer.data());
  base::Fd socket(connection.stream.release_socket().release());
  const auto channel = std::make_shared<Channel>(options.executor, std::move(socket), std::move(early));
  co_await handler(channel);
}

// One request and its answer; false when the connection ends with it.
asio::awaitable<bool> serve_request(Connection& connection, ConnectionOptions& options, bool& became_stream) {
  Parser parser;
  const bool complete = co_await read_request(connection, parser);
  if (!complete) co_return false;
  Parser::value_type message = parser.release();
  const bool keep_alive = message.keep_alive();
  ApiRequest request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  request.body = std::move(message.body());
  request.upgrade = asks_upgrade(message);
  request.first = options.first;

  ++options.traffic->requests;
  base::Scope answered([&] {
    --options.traffic->requests;
    notify(options);
  });
  ApiAnswer result;
  if (request.upgrade && options.traffic->streams >= kMaxStreams) {
    result = failure(503, "the sandbox has too many commands and copies under way", "try again when one has ended");
  } else {
    result = co_await answer(*options.control, std::move(request));
  }
  if (!result.stream) {
    Response response = make_response(result, keep_alive);
    const bool written = co_await write_response(connection, std::move(response));
    co_return written&& keep_alive;
  }
  Response response = make_upgrade_response();
  became_stream = true;
  --options.traffic->connections;
  ++options.traffic->streams;
  notify(options);
  const bool written = co_await write_response(connection, std::move(response));
  // The handler runs also when the client has gone: it is the handler that knows what its going means.
  static_cast<void>(written);
  co_await become_stream(connection, options, std::move(result.stream));
  co_return false;
}

void count_one_less(ConnectionOptions& options) {
  --options.traffic->requests;
  notify(options);
}

}  // namespace

asio::awaitable<void> serve_connection(ConnectionOptions options) {
  bool became_stream = false;
  bool expected = options.first;
  ++options.traffic->connections;
  const base::Scope leave([&] {
    --(became_stream ? options.traffic->streams : options.traffic->connections);
    notify(options);
  });
  try {
    asio::local::stream_protocol::socket socket(options.executor);
    socket.assign(asio::local::stream_protocol(), options.socket.release());
    Connection connection{Stream(std::move(socket))};
    connection.may_idle = options.first;
    bool more = co_await serve_request(connection, options, became_stream);
    if (expected) count_one_less(options);
    expected = false;
    while (more) more = co_await serve_request(connection, options, became_stream);
  } catch (const std::exception&) {
    // A connection that cannot be served any more ends; its client sees that.
  }
  if (expected) count_one_less(options);
  if (!became_stream) options.on_gone();
}

}  // namespace caisson::keeper
