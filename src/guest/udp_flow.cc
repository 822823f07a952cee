// SPDX-License-Identifier: Apache-2.0

#include "guest/udp_flow.h"

#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <vector>

#include "base/error.h"
#include "guest/connection_mark.h"
#include "link/datagram.h"

namespace caisson::guest {
namespace {

struct UdpFlow {
  UdpFlow(const asio::any_io_executor& executor, const FlowKey& key, base::Fd bound, link::StreamPtr opened)
      : flow(key), socket(executor, std::move(bound)), stream(std::move(opened)) {}
  // The kernel would hand later datagrams of this flow to a socket that is not there any more; forgotten, the next one
  // is judged again.
  ~UdpFlow() { forget_connection(flow); }
  UdpFlow(const UdpFlow&) = delete;
  UdpFlow& operator=(const UdpFlow&) = delete;

  void end() {
    socket.close();
    stream->reset();
  }

  FlowKey flow;
  Descriptor socket;
  link::StreamPtr stream;
};

base::Fd make_socket(const FlowKey& flow) {
  const bool v4 = flow.source.family == AF_INET;
  base::Fd socket(::socket(flow.source.family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return {};
  const int yes = 1;
  sockaddr_storage here{};
  sockaddr_storage client{};
  const socklen_t here_size = flow.destination.to_socket_address(here);
  const socklen_t client_size = flow.source.to_socket_address(client);
  const bool made = ::setsockopt(socket.get(), v4 ? SOL_IP : SOL_IPV6, v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, &yes,
                                 sizeof yes) == 0 &&
                    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
                    ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&here), here_size) == 0 &&
                    ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&client), client_size) == 0;
  if (!made) return {};
  return socket;
}

asio::awaitable<void> to_host(std::shared_ptr<UdpFlow> flow) {
  // Of its memory only what a datagram has filled is ever used.
  constexpr size_t kBytes = link::kDatagramHeaderBytes + link::kMaxDatagramBytes;
  const auto buffer = std::make_unique_for_overwrite<uint8_t[]>(kBytes);
  try {
    while (flow->socket.is_open()) {
      uint8_t* payload = buffer.get() + link::kDatagramHeaderBytes;
      const ssize_t got = ::recv(flow->socket.get(), payload, link::kMaxDatagramBytes, 0);
      if (got >= 0) {
        const std::span<uint8_t> room(buffer.get(), kBytes);
        co_await link::write_datagram(*flow->stream, room, static_cast<size_t>(got));
      } else if (errno == EAGAIN) {
        co_await flow->socket.readable();
      } else if (errno != EINTR) {
        break;  // ECONNREFUSED: the client's port is closed
      }
    }
  } catch (const base::Error&) {
  }
  flow->end();
}

asio::awaitable<void> to_client(std::shared_ptr<UdpFlow> flow) {
  try {
    while (true) {
      const std::optional<std::vector<uint8_t>> datagram = co_await link::read_datagram(*flow->stream);
      if (!datagram || !flow->socket.is_open()) break;
      // One that the client's queue does not take is lost, as datagrams are.
      static_cast<void>(::send(flow->socket.get(), datagram->data(), datagram->size(), MSG_NOSIGNAL));
    }
  } catch (const base::Error&) {
  }
  flow->end();
}

}  // namespace

bool start_udp_flow(const asio::any_io_executor& executor, const FlowKey& flow, link::StreamPtr stream) {
  base::Fd socket = make_socket(flow);
  if (!socket) return false;
  const auto started = std::make_shared<UdpFlow>(executor, flow, std::move(socket), std::move(stream));
  asio::co_spawn(executor, to_host(started), asio::detached);
  asio::co_spawn(executor, to_client(started), asio::detached);
  return true;
}

}  // namespace caisson::guest
