// SPDX-License-Identifier: Apache-2.0

#include "keeper/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/error.h"
#include "base/host_port.h"
#include "base/scope.h"
#include "base/text.h"
#include "keeper/accept_pause.h"
#include "keeper/descriptors.h"
#include "keeper/record.h"
#include "link/event.h"
#include "link/relay.h"

namespace caisson::keeper {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

constexpr size_t kMaxPortConnections = 4096;
constexpr int kBacklog = 256;

bool overlap(const spec::PortPublish& a, const spec::PortPublish& b) {
  auto is_any = [](const std::string& address) { return address == "0.0.0.0" || address == "::"; };
  const bool same_place = a.host_address == b.host_address || is_any(a.host_address) || is_any(b.host_address);
  return a.host_port == b.host_port && same_place;
}

// Who listens there, as far as it is known.
std::string listener_at(const spec::PortPublish& port) {
  try {
    for (const Sandbox& sandbox : list_sandboxes()) {
      for (const spec::PortPublish& other : sandbox.state.ports) {
        if (sandbox.state.status == Status::kRunning && overlap(port, other))
          return "the sandbox " + base::in_quotes(sandbox.name) + " listens there";
      }
    }
  } catch (const base::Error&) {
    // Then it remains unknown.
  }
  return "another program listens there";
}

base::Error cannot_publish(const spec::PortPublish& port, int errnum) {
  std::string hint;
  if (errnum == EADDRINUSE) hint = listener_at(port);
  if (errnum == EACCES) hint = "ports below 1024 need root; give a higher host port";
  if (errnum == EADDRNOTAVAIL) hint = "the address is not one of this machine";
  return base::system_error("cannot publish port " + std::to_string(port.guest_port) + " at",
                            base::host_port(port.host_address, port.host_port), errnum, hint);
}

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

Address address_of(const spec::PortPublish& port) {
  Address address;
  if (auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
      ::inet_pton(AF_INET, port.host_address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port.host_port);
    address.length = sizeof *v4;
    return address;
  }
  if (auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
      ::inet_pton(AF_INET6, port.host_address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port.host_port);
    address.length = sizeof *v6;
    return address;
  }
  throw base::Error("cannot publish a port at " + base::in_quotes(port.host_address) + ": it is not an IP address");
}

base::Fd open_listener(const spec::PortPublish& port) {
  const Address address = address_of(port);
  base::Fd socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) throw cannot_publish(port, errno);
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // "::" is IPv6 only: what 0.0.0.0 means is said by 0.0.0.0.
  if (address.storage.ss_family == AF_INET6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0 ||
      ::listen(socket.get(), kBacklog) != 0)
    throw cannot_publish(port, errno);
  return socket;
}

uint16_t bound_port(int socket) {
  Address address;
  address.length = sizeof address.storage;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0) return 0;
  if (address.storage.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port);
  return ntohs(reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port);
}

struct Listener {
  spec::PortPublish port;
  tcp::acceptor acceptor;
};

}  // namespace

struct Ports::State {
  explicit State(asio::any_io_executor on)
      : executor(std::move(on)), fewer(executor), limit(std::min(kMaxPortConnections, descriptors_for_connections())) {}

  asio::any_io_executor executor;
  std::vector<std::shared_ptr<Listener>> listeners;
  link::GuestClient* guest = nullptr;
  size_t connections = 0;
  link::Event fewer;
  size_t limit;
  bool closed = false;
};

namespace {

// A connection to a port on which nothing listens in the guest is reset, as it would be without us in between.
void refuse(tcp::socket& socket) {
  error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

template <typename State>
asio::awaitable<void> serve_connection(std::shared_ptr<State> state, tcp::socket socket, uint16_t guest_port) {
  ++state->connections;
  base::Scope leave([&] {
    --state->connections;
    state->fewer.notify_all();
  });
  link::StreamPtr stream;
  try {
    link::PortRequest request;
    request.port = guest_port;
    stream = co_await state->guest->port(request);
  } catch (const std::exception&) {
  }
  if (!stream) {
    refuse(socket);
    co_return;
  }
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  auto connection = std::make_shared<link::Descriptor>(state->executor, base::Fd(socket.release()));
  co_await link::relay(std::move(stream), std::move(connection));
}

template <typename State>
asio::awaitable<void> accept_loop(std::shared_ptr<State> state, std::shared_ptr<Listener> listener) {
  while (!state->closed) {
    while (state->connections >= state->limit && !state->closed) co_await state->fewer.wait();
    error_code error;
    try {
      tcp::socket socket(state->executor);
      co_await listener->acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
      if (state->closed || error == asio::error::operation_aborted) co_return;
      if (!error)
        asio::co_spawn(state->executor, serve_connection(state, std::move(socket), listener->port.guest_port),
                       asio::detached);
    } catch (const std::bad_alloc&) {
      error = asio::error::no_memory;
    }
    if (error) co_await pause_after_failed_accept(state->executor);
  }
}

}  // namespace

Ports::Ports(asio::any_io_executor executor) : state_(std::make_shared<State>(std::move(executor))) {}

Ports::~Ports() {
  close();
}

void Ports::bind(const std::vector<spec::PortPublish>& wanted) {
  std::vector<std::shared_ptr<Listener>> listeners;
  for (spec::PortPublish port : wanted) {
    base::Fd socket = open_listener(port);
    port.host_port = bound_port(socket.get());
    const tcp protocol = port.host_address.find(':') != std::string::npos ? tcp::v6() : tcp::v4();
    tcp::acceptor acceptor(state_->executor);
    acceptor.assign(protocol, socket.release());
    listeners.push_back(std::make_shared<Listener>(Listener{port, std::move(acceptor)}));
  }
  state_->listeners = std::move(listeners);
}

std::vector<spec::PortPublish> Ports::bound() const {
  std::vector<spec::PortPublish> ports;
  for (const std::shared_ptr<Listener>& listener : state_->listeners) ports.push_back(listener->port);
  return ports;
}

void Ports::serve(link::GuestClient& guest) {
  state_->guest = &guest;
  for (const std::shared_ptr<Listener>& listener : state_->listeners)
    asio::co_spawn(state_->executor, accept_loop(state_, listener), asio::detached);
}

void Ports::close() {
  state_->closed = true;
  error_code ignored;
  for (const std::shared_ptr<Listener>& listener : state_->listeners) listener->acceptor.close(ignored);
  state_->fewer.notify_all();
}

}  // namespace caisson::keeper
