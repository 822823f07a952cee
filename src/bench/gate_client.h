// SPDX-License-Identifier: Apache-2.0

// The client of the gate's benchmark, which reaches the origin in several ways and does the same on each.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/fd.h"
#include "bench/gate_processes.h"
#include "gate/budget.h"
#include "gate/byte_stream.h"
#include "gate/tls_stream.h"
#include "link/session.h"

namespace caisson::bench {

namespace asio = boost::asio;

enum class Path : uint8_t { kDirect, kSplice, kGateByAddress, kGateByName };

struct ClientOptions {
  Ports origin;
  Ports splice;
  base::Fd link;  // to the gate
  std::string trust_store;
};

class GateClient {
 public:
  explicit GateClient(ClientOptions options);
  GateClient(const GateClient&) = delete;
  GateClient& operator=(const GateClient&) = delete;

  using Task = asio::awaitable<void>;
  // Each returns seconds. They throw base::Error for what goes wrong, and after a minute.
  //
  // `count` connections one after the other, each until the server's first byte; the mean.
  double connect(Path path, int count);
  // `workers` do that at once, until there were `count` in all; of all.
  double connect_at_once(Path path, int count, int workers);
  // An HTTPS request: connection, handshake, request, answer; the mean.
  double request(Path path, Service service, int count);
  // So many bytes in all.
  double download(Path path, uint64_t bytes, int streams);
  double upload(Path path, uint64_t bytes, int streams);
  // As the answer to one request.
  double download_http(Path path, Service service, uint64_t bytes);

  // Opens connections through the gate and has them for as long as `meanwhile` runs.
  void with_open_connections(int count, const std::function<void()>& meanwhile);

 private:
  double timed(const std::function<Task()>& task);
  void run(const std::function<Task()>& task);
  double timed_at_once(const std::function<Task(int)>& task, int count);

  Task run_session();
  asio::awaitable<gate::ByteStreamPtr> reach(Path path, Service service);
  asio::awaitable<gate::ByteStreamPtr> reach_through_gate(std::string address, Service service);
  asio::awaitable<std::string> address_of(std::string name);
  Task resolve_names();
  Task greet(Path path);
  Task greet_many(Path path, int count);
  Task hold(int count, std::vector<gate::ByteStreamPtr>& held);
  Task fetch(Path path, uint64_t bytes);
  Task send(Path path, uint64_t bytes);
  Task ask(Path path, Service service, uint64_t bytes);

  asio::io_context io_{1};
  Ports origin_;
  Ports splice_;
  link::Session session_;
  gate::Budget no_limit_;
  gate::SslContextPtr tls_;
  std::map<std::string, std::string> addresses_;  // that the gate has given to names
};

}  // namespace caisson::bench
