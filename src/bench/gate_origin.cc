// SPDX-License-Identifier: Apache-2.0

// The servers behind the gate.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "bench/gate_processes.h"
#include "bench/gate_servers.h"
#include "gate/stream_ends.h"
#include "gate/tls_stream.h"

namespace caisson::bench {
namespace {

constexpr size_t kPieceBytes = 256U << 10;
constexpr size_t kMostHeadBytes = 8192;

std::span<const uint8_t> piece() {
  static const std::vector<uint8_t> kBytes(kPieceBytes, 'x');
  return kBytes;
}

asio::awaitable<void> send_bytes(gate::ByteStreamPtr to, uint64_t count) {
  while (count > 0) {
    const std::span<const uint8_t> part = piece().first(std::min<uint64_t>(count, kPieceBytes));
    co_await to->write(part);
    count -= part.size();
  }
}

// How many there were until the end.
asio::awaitable<void> take_all(gate::ByteStreamPtr from) {
  std::vector<uint8_t> buffer(kPieceBytes);
  while (co_await from->read_some(buffer) != 0) continue;
}

asio::awaitable<void> serve_greeting(gate::ByteStreamPtr client) {
  const std::span<const uint8_t> one = piece().first(1);
  co_await client->write(one);
  uint8_t byte = 0;
  const std::span<uint8_t> room(&byte, 1);
  while (co_await client->read_some(room) != 0) continue;
}

asio::awaitable<void> serve_source(gate::ByteStreamPtr client) {
  uint64_t count = 0;
  uint8_t byte = 0;
  const std::span<uint8_t> room(&byte, 1);
  for (int i = 0; i < 8; ++i) {
    if (co_await client->read_some(room) == 0) co_return;
    count = count << 8 | byte;
  }
  co_await send_bytes(client, count);
}

asio::awaitable<void> serve_sink(gate::ByteStreamPtr client) {
  co_await take_all(client);
  const std::span<const uint8_t> one = piece().first(1);
  co_await client->write(one);
}

// One request; its path says how many bytes are wanted.
asio::awaitable<void> serve_http(gate::ByteStreamPtr client) {
  std::string head;
  std::vector<uint8_t> buffer(kMostHeadBytes);
  while (head.find("\r\n\r\n") == std::string::npos) {
    const size_t got = co_await client->read_some(buffer);
    if (got == 0 || head.size() + got > kMostHeadBytes) co_return;
    head.append(reinterpret_cast<const char*>(buffer.data()), got);
  }
  const size_t begin = head.find('/') + 1;
  const auto count = base::parse_number<uint64_t>(head.substr(begin, head.find(' ', begin) - begin));
  if (!count) throw base::Error("a request of the benchmark has no number: " + base::escaped(head));
  const std::string answer =
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(*count) + "\r\n\r\n";
  const std::span<const uint8_t> bytes = gate::bytes_of(answer);
  co_await client->write(bytes);
  co_await send_bytes(client, *count);
  co_await client->shutdown_write();
}

Handler plain(asio::awaitable<void> (*serve)(gate::ByteStreamPtr)) {
  return [serve](DescriptorPtr connection) -> asio::awaitable<void> {
    gate::ByteStreamPtr client = std::make_shared<gate::SocketEnd>(std::move(connection));
    return serve(std::move(client));
  };
}

asio::awaitable<void> serve_https(asio::any_io_executor executor, DescriptorPtr connection, gate::SslPtr ssl) {
  gate::ByteStreamPtr socket = std::make_shared<gate::SocketEnd>(std::move(connection));
  const auto client = std::make_shared<gate::TlsStream>(executor, std::move(socket), std::move(ssl));
  co_await client->handshake();
  co_await serve_http(client);
}

}  // namespace

void run_origin(const Listeners& listeners, gate::LocalAuthority& authority) {
  asio::io_context io(1);
  const asio::any_io_executor executor = io.get_executor();
  const gate::SslContextPtr context = gate::tls_server_context();
  const auto tls = [&](Service service) -> Handler {
    return [&, service](DescriptorPtr connection) {
      gate::SslPtr ssl(SSL_new(context.get()));
      SSL_set_accept_state(ssl.get());
      authority.use(*ssl, name_of(service));
      return serve_https(executor, std::move(connection), std::move(ssl));
    };
  };
  const std::array<Handler, kServices> handlers{plain(serve_greeting), plain(serve_source),      plain(serve_sink),
                                                tls(Service::kTls),    tls(Service::kJudgedTls), plain(serve_http)};
  for (size_t i = 0; i < kServices; ++i)
    asio::co_spawn(io, accept_all(executor, listeners.sockets[i].duplicate(), handlers[i]), asio::detached);
  io.run();
}

}  // namespace caisson::bench
