// SPDX-License-Identifier: Apache-2.0

#include "bench/gate_client.h"

#include <arpa/inet.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>
#include <exception>
#include <vector>

#include "base/error.h"
#include "gate/dial.h"
#include "gate/dns_wire.h"
#include "gate/names.h"
#include "gate/stream_ends.h"
#include "link/datagram.h"
#include "link/message.h"
#include "link/services.h"

namespace caisson::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::minutes kLimit{1};
constexpr uint16_t kNamePort = 53;
constexpr size_t kBufferBytes = 256U << 10;

size_t index_of(Service service) {
  return static_cast<size_t>(service);
}

link::ConnectRequest to(link::ConnectRequest::Protocol protocol, std::string address, uint16_t port) {
  link::ConnectRequest request;
  request.protocol = protocol;
  request.address = std::move(address);
  request.port = port;
  return request;
}

asio::awaitable<void> read_bytes(gate::ByteStreamPtr from, uint64_t count) {
  std::vector<uint8_t> buffer(kBufferBytes);
  while (count > 0) {
    const std::span<uint8_t> room = std::span(buffer).first(std::min<uint64_t>(count, kBufferBytes));
    const size_t got = co_await from->read_some(room);
    if (got == 0) throw base::Error("the connection ended " + std::to_string(count) + " bytes early");
    count -= got;
  }
}

asio::awaitable<void> write_bytes(gate::ByteStreamPtr into, uint64_t count) {
  const std::vector<uint8_t> buffer(kBufferBytes, 'x');
  while (count > 0) {
    const std::span<const uint8_t> part = std::span(buffer).first(std::min<uint64_t>(count, kBufferBytes));
    co_await into->write(part);
    count -= part.size();
  }
}

// What a query for a name's IPv4 address looks like, with room for the length before it.
std::string query_for(const std::string& name) {
  std::string query(link::kDatagramHeaderBytes, '\0');
  query += std::string("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", gate::kDnsHeaderBytes);
  for (size_t at = 0; at <= name.size();) {
    const size_t dot = std::min(name.find('.', at), name.size());
    query += static_cast<char>(dot - at) + name.substr(at, dot - at);
    at = dot + 1;
  }
  return query + std::string("\0\0\1\0\1", 5);
}

}  // namespace

GateClient::GateClient(ClientOptions options)
    : origin_(options.origin),
      splice_(options.splice),
      session_(io_.get_executor(), link::descriptor_transport(io_.get_executor(), std::move(options.link)),
               link::Role::kServer),
      no_limit_(io_.get_executor(), 0, 0),
      tls_(gate::tls_client_context(options.trust_store)) {
  asio::co_spawn(io_, run_session(), asio::detached);
  run([this] { return resolve_names(); });
  // So that the gate has read its authorities' files, which are gone soon.
  request(Path::kGateByName, Service::kJudgedTls, 1);
}

GateClient::Task GateClient::run_session() {
  co_await session_.run();
}

GateClient::Task GateClient::resolve_names() {
  for (const char* name : {kPlainName, kTlsName, kJudgedName}) {
    const std::string address = co_await address_of(name);
    addresses_[name] = address;
  }
}

void GateClient::run(const std::function<Task()>& task) {
  std::exception_ptr failure;
  bool done = false;
  asio::co_spawn(io_, task(), [&](std::exception_ptr thrown) {
    failure = std::move(thrown);
    done = true;
    io_.stop();
  });
  io_.restart();
  io_.run_for(kLimit);
  if (failure) std::rethrow_exception(failure);
  // What hangs refers to what is about to go.
  if (!done) throw std::runtime_error("a connection of the benchmark hangs");
}

double GateClient::timed(const std::function<Task()>& task) {
  const Clock::time_point begin = Clock::now();
  run(task);
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double GateClient::timed_at_once(const std::function<Task(int)>& task, int count) {
  struct All {
    explicit All(const asio::any_io_executor& executor) : one_ended(executor) {}
    int left = 0;
    std::exception_ptr failure;
    link::Event one_ended;
  };
  const auto all = std::make_shared<All>(io_.get_executor());
  const std::function<Task()> together = [&task, count, all, this]() -> Task {
    all->left = count;
    for (int i = 0; i < count; ++i) {
      asio::co_spawn(io_, task(i), [all](std::exception_ptr thrown) {
        if (thrown) all->failure = std::move(thrown);
        --all->left;
        all->one_ended.notify_all();
      });
    }
    while (all->left > 0) co_await all->one_ended.wait();
    if (all->failure) std::rethrow_exception(all->failure);
  };
  return timed(together);
}

asio::awaitable<gate::ByteStreamPtr> GateClient::reach(Path path, Service service) {
  const size_t index = index_of(service);
  if (path == Path::kGateByAddress) return reach_through_gate("127.0.0.1", service);
  if (path == Path::kGateByName) return reach_through_gate(addresses_.at(name_of(service)), service);
  return [](asio::any_io_executor executor, uint16_t port) -> asio::awaitable<gate::ByteStreamPtr> {
    std::vector<gate::IpAddress> address{gate::IpAddress::v4(INADDR_LOOPBACK)};
    const gate::DialLimits limits;
    const gate::Dialled dialled = co_await gate::dial_tcp(executor, std::move(address), port, limits);
    co_return std::make_shared<gate::SocketEnd>(dialled.socket);
  }(io_.get_executor(), path == Path::kDirect ? origin_[index] : splice_[index]);
}

asio::awaitable<gate::ByteStreamPtr> GateClient::reach_through_gate(std::string address, Service service) {
  const base::Json request =
      link::to_json(to(link::ConnectRequest::Protocol::kTcp, std::move(address), origin_[index_of(service)]));
  const link::StreamPtr stream = co_await session_.open();
  co_await link::write_message(*stream, request);
  const base::Json answer = co_await link::read_message(*stream);
  if (!answer.at("ok").get<bool>()) throw base::Error("the gate refused a connection of the benchmark");
  co_return std::make_shared<gate::GuestEnd>(stream, nullptr, no_limit_);
}

asio::awaitable<std::string> GateClient::address_of(std::string name) {
  const std::string resolver = gate::to_string(gate::IpAddress::v4(gate::kResolverAddress));
  const base::Json request = link::to_json(to(link::ConnectRequest::Protocol::kUdp, resolver, kNamePort));
  const link::StreamPtr stream = co_await session_.open();
  co_await link::write_message(*stream, request);
  const base::Json answer = co_await link::read_message(*stream);
  if (!answer.at("ok").get<bool>()) throw base::Error("the gate's name server does not answer");
  std::string query = query_for(name);
  const std::span<uint8_t> room(reinterpret_cast<uint8_t*>(query.data()), query.size());
  co_await link::write_datagram(*stream, room, query.size() - link::kDatagramHeaderBytes);
  const auto reply = co_await link::read_datagram(*stream);
  if (!reply || reply->size() < gate::kDnsHeaderBytes + 4 || (*reply)[7] == 0)
    throw base::Error("the gate has no address for '" + name + "'");
  char text[INET_ADDRSTRLEN];
  co_return ::inet_ntop(AF_INET, reply->data() + reply->size() - 4, text, sizeof text);
}

GateClient::Task GateClient::greet(Path path) {
  const gate::ByteStreamPtr server = co_await reach(path, Service::kGreeting);
  co_await read_bytes(server, 1);
  server->close();
}

GateClient::Task GateClient::greet_many(Path path, int count) {
  for (int i = 0; i < count; ++i) co_await greet(path);
}

double GateClient::connect(Path path, int count) {
  return timed([&] { return greet_many(path, count); }) / count;
}

double GateClient::connect_at_once(Path path, int count, int workers) {
  return timed_at_once([&](int) { return greet_many(path, count / workers); }, workers);
}

GateClient::Task GateClient::ask(Path path, Service service, uint64_t bytes) {
  gate::ByteStreamPtr server = co_await reach(path, service);
  if (service != Service::kPlainHttp) {
    const auto tls =
        std::make_shared<gate::TlsStream>(io_.get_executor(), server, gate::tls_client(*tls_, name_of(service)));
    co_await tls->handshake();
    server = tls;
  }
  std::string host = name_of(service);
  host += ":" + std::to_string(origin_[index_of(service)]);
  const std::string request = "GET /" + std::to_string(bytes) + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
  const std::span<const uint8_t> asked = gate::bytes_of(request);
  co_await server->write(asked);
  std::string head;
  uint8_t byte = 0;
  const std::span<uint8_t> room(&byte, 1);
  while (!head.ends_with("\r\n\r\n")) {
    if (co_await server->read_some(room) == 0) throw base::Error("the answer to a request ended too early");
    head += static_cast<char>(byte);
  }
  if (!head.starts_with("HTTP/1.1 200 ")) throw base::Error("a request was answered by " + head);
  co_await read_bytes(server, bytes);
  server->close();
}

double GateClient::request(Path path, Service service, int count) {
  const std::function<Task()> all = [&, this]() -> Task {
    for (int i = 0; i < count; ++i) co_await ask(path, service, 1);
  };
  return timed(all) / count;
}

double GateClient::download_http(Path path, Service service, uint64_t bytes) {
  return timed([&] { return ask(path, service, bytes); });
}

GateClient::Task GateClient::fetch(Path path, uint64_t bytes) {
  const gate::ByteStreamPtr server = co_await reach(path, Service::kSource);
  std::array<uint8_t, 8> wanted;
  for (size_t i = 0; i < wanted.size(); ++i) wanted[i] = static_cast<uint8_t>(bytes >> 8 * (7 - i));
  co_await server->write(wanted);
  co_await read_bytes(server, bytes);
  server->close();
}

GateClient::Task GateClient::send(Path path, uint64_t bytes) {
  const gate::ByteStreamPtr server = co_await reach(path, Service::kSink);
  co_await write_bytes(server, bytes);
  co_await server->shutdown_write();
  co_await read_bytes(server, 1);
  server->close();
}

double GateClient::download(Path path, uint64_t bytes, int streams) {
  return timed_at_once([&](int) { return fetch(path, bytes / static_cast<uint64_t>(streams)); }, streams);
}

double GateClient::upload(Path path, uint64_t bytes, int streams) {
  return timed_at_once([&](int) { return send(path, bytes / static_cast<uint64_t>(streams)); }, streams);
}

GateClient::Task GateClient::hold(int count, std::vector<gate::ByteStreamPtr>& held) {
  for (int i = 0; i < count; ++i) {
    const gate::ByteStreamPtr server = co_await reach(Path::kGateByAddress, Service::kGreeting);
    co_await read_bytes(server, 1);
    held.push_back(server);
  }
}

void GateClient::with_open_connections(int count, const std::function<void()>& meanwhile) {
  std::vector<gate::ByteStreamPtr> held;
  run([&] { return hold(count, held); });
  meanwhile();
  for (const gate::ByteStreamPtr& connection : held) connection->close();
  held.clear();
  // The gate has seen the end of all of them when it has served one more.
  connect(Path::kGateByAddress, 1);
}

}  // namespace caisson::bench
