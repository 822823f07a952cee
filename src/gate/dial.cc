// SPDX-License-Identifier: Apache-2.0

#include "gate/dial.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "gate/watchdog.h"

namespace caisson::gate {
namespace {

using namespace std::chrono_literals;

// While there is another address to try; the last one has as long as Linux itself would try.
constexpr auto kPatience = 4s;
constexpr auto kLongest = 130s;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

SocketAddress socket_address(const IpAddress& address, uint16_t port) {
  SocketAddress made;
  if (address.is_v4()) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&made.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    v4->sin_addr.s_addr = htonl(address.v4_host_order());
    made.size = sizeof *v4;
    return made;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&made.storage);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  std::memcpy(&v6->sin6_addr, address.bytes().data(), address.bytes().size());
  made.size = sizeof *v6;
  return made;
}

base::Fd new_socket(const SocketAddress& address, int type) {
  base::Fd socket(::socket(address.storage.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) throw base::system_error("cannot make", "socket");
  return socket;
}

base::Error cannot_connect(const IpAddress& address, uint16_t port, int errnum) {
  const std::string where = address.is_v4() ? to_string(address) : "[" + to_string(address) + "]";
  return base::system_error("cannot connect to", where + ":" + std::to_string(port), errnum);
}

asio::awaitable<std::shared_ptr<link::Descriptor>> try_tcp(asio::any_io_executor executor, IpAddress address,
                                                           uint16_t port, std::chrono::seconds patience) {
  const SocketAddress to = socket_address(address, port);
  base::Fd fd = new_socket(to, SOCK_STREAM);
  const int now = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &now, sizeof now);
  int errnum = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to.storage), to.size) == 0 ? 0 : errno;
  auto socket = std::make_shared<link::Descriptor>(executor, std::move(fd));
  if (errnum == EINPROGRESS) {
    Watchdog limit(executor);
    limit.arm(patience, [socket] { socket->close(); });
    co_await socket->writable();
    limit.disarm();
    socklen_t length = sizeof errnum;
    errnum = ETIMEDOUT;
    if (socket->is_open()) ::getsockopt(socket->get(), SOL_SOCKET, SO_ERROR, &errnum, &length);
  }
  if (errnum != 0) throw cannot_connect(address, port, errnum);
  co_return socket;
}

}  // namespace

asio::awaitable<Dialled> dial_tcp(asio::any_io_executor executor, std::vector<IpAddress> addresses, uint16_t port) {
  std::optional<base::Error> failure;
  for (size_t i = 0; i < addresses.size(); ++i) {
    const std::chrono::seconds patience = i + 1 < addresses.size() ? kPatience : kLongest;
    try {
      Dialled dialled{.socket = {}, .address = addresses[i]};
      dialled.socket = co_await try_tcp(executor, addresses[i], port, patience);
      co_return dialled;
    } catch (const base::Error& error) {
      failure = error;
    }
  }
  if (failure) throw *failure;
  throw base::Error("there is no address to connect to");
}

std::shared_ptr<link::Descriptor> dial_udp(const asio::any_io_executor& executor, const IpAddress& address,
                                           uint16_t port) {
  const SocketAddress to = socket_address(address, port);
  base::Fd fd = new_socket(to, SOCK_DGRAM);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to.storage), to.size) != 0)
    throw cannot_connect(address, port, errno);
  return std::make_shared<link::Descriptor>(executor, std::move(fd));
}

}  // namespace caisson::gate
