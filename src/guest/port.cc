// SPDX-License-Identifier: Apache-2.0

#include "guest/port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/text.h"
#include "guest/waiting.h"
#include "link/message.h"
#include "link/relay.h"

namespace caisson::guest {
namespace {

struct Attempt {
  std::shared_ptr<Descriptor> connection;  // none when it failed
  int errnum = 0;                          // with what
};

// A connect on a loopback succeeds or fails at once; one that waits (a full backlog) is waited for.
asio::awaitable<Attempt> try_connect(asio::any_io_executor executor, const sockaddr* address, socklen_t size) {
  base::Fd socket(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) throw base::system_error("cannot make", "socket");
  const int now = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
  Attempt attempt;
  attempt.errnum = ::connect(socket.get(), address, size) == 0 ? 0 : errno;
  attempt.connection = std::make_shared<Descriptor>(executor, std::move(socket));
  if (attempt.errnum == EINPROGRESS) {
    co_await attempt.connection->writable();
    socklen_t length = sizeof attempt.errnum;
    ::getsockopt(attempt.connection->get(), SOL_SOCKET, SO_ERROR, &attempt.errnum, &length);
  }
  if (attempt.errnum != 0) attempt.connection.reset();
  co_return attempt;
}

asio::awaitable<std::shared_ptr<Descriptor>> connect(asio::any_io_executor executor, uint16_t port) {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const Attempt first = co_await try_connect(executor, reinterpret_cast<sockaddr*>(&four), sizeof four);
  if (first.connection) co_return first.connection;
  const auto failed = base::system_error("cannot connect to port", std::to_string(port), first.errnum);
  if (first.errnum != ECONNREFUSED) throw failed;
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  six.sin6_addr = in6addr_loopback;
  const Attempt second = co_await try_connect(executor, reinterpret_cast<sockaddr*>(&six), sizeof six);
  if (!second.connection) throw failed;
  co_return second.connection;
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
  co_await link::relay(std::move(stream), std::move(connection));
}

}  // namespace caisson::guest
