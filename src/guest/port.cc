// SPDX-License-Identifier: Apache-2.0

#include "guest/port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "guest/waiting.h"
#include "link/message.h"

namespace caisson::guest {
namespace {

constexpr size_t kChunkBytes = 64U << 10;

// A connect on a loopback succeeds or fails at once; one that waits (a full backlog) is waited for.
asio::awaitable<std::shared_ptr<Descriptor>> try_connect(asio::any_io_executor executor, const sockaddr* address,
                                                         socklen_t size, int& errnum) {
  base::Fd socket(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) throw base::system_error("cannot make", "socket");
  const int now = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
  errnum = ::connect(socket.get(), address, size) == 0 ? 0 : errno;
  auto connection = std::make_shared<Descriptor>(executor, std::move(socket));
  if (errnum == EINPROGRESS) {
    co_await connection->writable();
    socklen_t length = sizeof errnum;
    ::getsockopt(connection->get(), SOL_SOCKET, SO_ERROR, &errnum, &length);
  }
  if (errnum != 0) connection.reset();
  co_return connection;
}

asio::awaitable<std::shared_ptr<Descriptor>> connect(asio::any_io_executor executor, uint16_t port) {
  int errnum = 0;
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto connection = co_await try_connect(executor, reinterpret_cast<sockaddr*>(&four), sizeof four, errnum);
  if (connection || errnum != ECONNREFUSED) {
    if (!connection) throw base::system_error("cannot connect to port", std::to_string(port), errnum);
    co_return connection;
  }
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  six.sin6_addr = in6addr_loopback;
  int second = 0;
  connection = co_await try_connect(executor, reinterpret_cast<sockaddr*>(&six), sizeof six, second);
  if (!connection) throw base::system_error("cannot connect to port", std::to_string(port), errnum);
  co_return connection;
}

// A reset of the stream becomes a reset of the connection: SO_LINGER 0 makes close(2) send RST.
void abort_connection(Descriptor& connection) {
  if (!connection.is_open()) return;
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(connection.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  connection.close();
}

asio::awaitable<void> to_server(link::StreamPtr stream, std::shared_ptr<Descriptor> connection) {
  try {
    std::vector<uint8_t> buffer(kChunkBytes);
    while (connection->is_open()) {
      const size_t got = co_await stream->read_some(buffer);
      if (!connection->is_open()) co_return;
      if (got == 0) {
        ::shutdown(connection->get(), SHUT_WR);
        co_return;
      }
      std::span<const uint8_t> chunk(buffer.data(), got);
      while (!chunk.empty() && connection->is_open()) {
        const ssize_t put = ::send(connection->get(), chunk.data(), chunk.size(), MSG_NOSIGNAL);
        if (put >= 0) {
          chunk = chunk.subspan(static_cast<size_t>(put));
        } else if (errno == EAGAIN) {
          co_await connection->writable();
        } else if (errno != EINTR) {
          stream->reset();
          connection->close();
        }
      }
    }
  } catch (const base::Error&) {
    abort_connection(*connection);
  }
}

asio::awaitable<void> to_host(link::Stream& stream, Descriptor& connection) {
  std::vector<uint8_t> buffer(kChunkBytes);
  while (connection.is_open()) {
    const ssize_t got = ::read(connection.get(), buffer.data(), buffer.size());
    if (got == 0) {
      co_await stream.close_write();
      co_return;
    }
    if (got > 0) {
      const std::span<const uint8_t> chunk(buffer.data(), static_cast<size_t>(got));
      co_await stream.write(chunk);
    } else if (errno == EAGAIN) {
      co_await connection.readable();
    } else if (errno != EINTR) {
      stream.reset();
      co_return;
    }
  }
}

}  // namespace

asio::awaitable<void> serve_port(Guest& guest, link::StreamPtr stream, link::PortRequest request) {
  std::shared_ptr<Descriptor> connection;
  base::Json answer;
  answer["ok"] = true;
  try {
    connection = co_await connect(guest.executor, request.port);
  } catch (const base::Error& error) {
    answer["ok"] = false;
    answer["error"] = error.what();
  }
  co_await link::write_message(*stream, answer);
  if (!connection) {
    co_await stream->close_write();
    co_return;
  }
  asio::co_spawn(guest.executor, to_server(stream, connection), asio::detached);
  try {
    co_await to_host(*stream, *connection);
  } catch (const base::Error&) {
    abort_connection(*connection);
  }
}

}  // namespace caisson::guest
