// SPDX-License-Identifier: Apache-2.0

#include "gate/dial.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cstring>

#include "base/error.h"
#include "base/host_port.h"
#include "base/scope.h"
#include "base/text.h"
#include "link/event.h"
#include "link/wait_until.h"

namespace caisson::gate {
namespace {

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
  return base::system_error("cannot connect to", base::host_port(to_string(address), port), errnum);
}

// The attempts for one connection. The first that is made ends the others.
struct Race {
  Race(const asio::any_io_executor& runs_on, uint16_t to_port) : executor(runs_on), port(to_port), changed(runs_on) {}

  asio::any_io_executor executor;
  uint16_t port;
  link::Event changed;
  std::vector<std::shared_ptr<link::Descriptor>> trying;
  size_t left = 0;  // attempts that have not ended
  std::optional<Dialled> won;
  std::optional<base::Error> failure;  // of the last that has failed

  void end() {
    for (const auto& socket : trying) socket->close();
  }
};

base::Fd new_tcp_socket(const SocketAddress& to) {
  base::Fd fd = new_socket(to, SOCK_STREAM);
  const int now = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &now, sizeof now);
  return fd;
}

asio::awaitable<void> try_tcp(std::shared_ptr<Race> race, IpAddress address) {
  try {
    const SocketAddress to = socket_address(address, race->port);
    const auto socket = std::make_shared<link::Descriptor>(race->executor, new_tcp_socket(to));
    int errnum = ::connect(socket->get(), reinterpret_cast<const sockaddr*>(&to.storage), to.size) == 0 ? 0 : errno;
    race->trying.push_back(socket);
    if (errnum == EINPROGRESS) {
      co_await socket->writable();
      socklen_t length = sizeof errnum;
      errnum = ETIMEDOUT;
      if (socket->is_open()) ::getsockopt(socket->get(), SOL_SOCKET, SO_ERROR, &errnum, &length);
    }
    if (errnum != 0) {
      socket->close();
      throw cannot_connect(address, race->port, errnum);
    }
    if (!race->won) {
      race->won = Dialled{.socket = socket, .address = address};
      std::erase(race->trying, socket);
    }
  } catch (const base::Error& error) {
    race->failure = error;
  }
  --race->left;
  race->changed.notify_all();
}

// Until one is made, or no more than `left` attempts are.
asio::awaitable<void> wait_for(std::shared_ptr<Race> race, size_t left, std::chrono::milliseconds limit) {
  const std::optional<std::chrono::steady_clock::time_point> until = std::chrono::steady_clock::now() + limit;
  auto over = [race, left] { return race->won || race->left <= left; };
  co_await link::wait_until(race->executor, race->changed, over, until);
}

}  // namespace

std::vector<IpAddress> in_dial_order(const std::vector<IpAddress>& addresses) {
  std::vector<IpAddress> first;
  std::vector<IpAddress> second;
  for (const IpAddress& address : addresses)
    (address.is_v4() == addresses.front().is_v4() ? first : second).push_back(address);
  std::vector<IpAddress> order;
  for (size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) order.push_back(first[i]);
    if (i < second.size()) order.push_back(second[i]);
  }
  return order;
}

asio::awaitable<Dialled> dial_tcp(asio::any_io_executor executor, std::vector<IpAddress> addresses, uint16_t port,
                                  DialLimits limits) {
  if (addresses.empty()) throw base::Error("there is no address to connect to");
  const auto race = std::make_shared<Race>(executor, port);
  size_t spare_taken = 0;
  const base::Scope end([&] {
    race->end();
    if (limits.spare != nullptr) *limits.spare += spare_taken;
  });
  for (const IpAddress& address : in_dial_order(addresses)) {
    if (race->left != 0 && limits.spare != nullptr) {
      if (*limits.spare == 0) {
        co_await wait_for(race, 0, limits.patience);
        if (race->won) break;
        race->end();
      } else {
        --*limits.spare;
        ++spare_taken;
      }
    }
    ++race->left;
    asio::co_spawn(executor, try_tcp(race, address), asio::detached);
    // One that fails does not make the next wait.
    co_await wait_for(race, race->left - 1, limits.stagger);
    if (race->won) break;
  }
  co_await wait_for(race, 0, limits.longest);
  if (race->won) co_return *race->won;
  if (race->failure) throw *race->failure;
  throw cannot_connect(addresses.front(), port, ETIMEDOUT);
}

Dialled dial_udp(const asio::any_io_executor& executor, const std::vector<IpAddress>& addresses, uint16_t port) {
  base::Error failure("there is no address to connect to");
  for (const IpAddress& address : addresses) {
    try {
      const SocketAddress to = socket_address(address, port);
      base::Fd fd = new_socket(to, SOCK_DGRAM);
      if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to.storage), to.size) != 0)
        throw cannot_connect(address, port, errno);
      return {.socket = std::make_shared<link::Descriptor>(executor, std::move(fd)), .address = address};
    } catch (const base::Error& error) {
      failure = error;
    }
  }
  throw failure;
}

}  // namespace caisson::gate
