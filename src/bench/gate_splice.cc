// SPDX-License-Identifier: Apache-2.0

// The proxy that the gate is compared with: bytes pass from socket to socket through a pipe, and are never copied.

#include <fcntl.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <exception>

#include "base/error.h"
#include "bench/gate_processes.h"
#include "bench/gate_servers.h"
#include "gate/dial.h"
#include "link/event.h"
#include "link/relay.h"

namespace caisson::bench {
namespace {

constexpr size_t kMostAtOnce = 1U << 20;

// 0 at the end, nothing where it has to be waited for.
std::optional<size_t> splice_once(int from, int to, size_t most) {
  for (;;) {
    const ssize_t moved = ::splice(from, nullptr, to, nullptr, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (moved >= 0) return static_cast<size_t>(moved);
    if (errno == EAGAIN) return std::nullopt;
    if (errno != EINTR) throw base::system_error("cannot splice from", "a connection");
  }
}

asio::awaitable<void> empty_pipe(int pipe, DescriptorPtr to, size_t bytes) {
  while (bytes > 0) {
    const std::optional<size_t> moved = splice_once(pipe, link::open_socket(*to), bytes);
    if (moved) {
      bytes -= *moved;
    } else {
      co_await to->writable();
    }
  }
}

asio::awaitable<void> pass(DescriptorPtr from, DescriptorPtr to) {
  const base::FdPair pipe = base::make_pipe();
  for (;;) {
    const std::optional<size_t> moved = splice_once(link::open_socket(*from), pipe.second.get(), kMostAtOnce);
    if (!moved) {
      co_await from->readable();
    } else if (*moved == 0) {
      break;
    } else {
      co_await empty_pipe(pipe.first.get(), to, *moved);
    }
  }
  ::shutdown(link::open_socket(*to), SHUT_WR);
}

struct Way {
  explicit Way(const asio::any_io_executor& executor) : done(executor) {}
  bool ended = false;
  link::Event done;
};

asio::awaitable<void> pass_back(DescriptorPtr from, DescriptorPtr to, std::shared_ptr<Way> way) {
  try {
    co_await pass(from, to);
  } catch (const base::Error&) {
    from->close();
    to->close();
  }
  way->ended = true;
  way->done.notify_all();
}

asio::awaitable<void> serve(asio::any_io_executor executor, DescriptorPtr client, uint16_t port) {
  std::vector<gate::IpAddress> address{gate::IpAddress::v4(INADDR_LOOPBACK)};
  const gate::DialLimits limits;
  const gate::Dialled server = co_await gate::dial_tcp(executor, std::move(address), port, limits);
  const auto back = std::make_shared<Way>(executor);
  asio::co_spawn(executor, pass_back(server.socket, client, back), asio::detached);
  const auto forth = std::make_shared<Way>(executor);
  co_await pass_back(client, server.socket, forth);
  while (!back->ended) co_await back->done.wait();
}

}  // namespace

void run_splice_proxy(const Listeners& listeners, const Ports& origin) {
  asio::io_context io(1);
  const asio::any_io_executor executor = io.get_executor();
  for (size_t i = 0; i < kServices; ++i) {
    const Handler handler = [executor, port = origin[i]](DescriptorPtr client) {
      return serve(executor, std::move(client), port);
    };
    asio::co_spawn(io, accept_all(executor, listeners.sockets[i].duplicate(), handler), asio::detached);
  }
  io.run();
}

}  // namespace caisson::bench
