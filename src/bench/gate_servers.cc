// SPDX-License-Identifier: Apache-2.0

#include "bench/gate_servers.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cerrno>

#include "base/error.h"

namespace caisson::bench {
namespace {

asio::awaitable<void> serve(Handler handler, DescriptorPtr connection) {
  try {
    co_await handler(connection);
  } catch (const base::Error&) {
    // The client went.
  }
}

}  // namespace

asio::awaitable<void> accept_all(asio::any_io_executor executor, base::Fd listener, Handler handler) {
  link::Descriptor from(executor, std::move(listener));
  for (;;) {
    base::Fd accepted(::accept4(from.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    const int errnum = errno;
    if (accepted) {
      const int now = 1;
      ::setsockopt(accepted.get(), IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
      auto connection = std::make_shared<link::Descriptor>(executor, std::move(accepted));
      asio::co_spawn(executor, serve(handler, std::move(connection)), asio::detached);
    } else if (errnum == EAGAIN) {
      co_await from.readable();
    } else if (errnum != EINTR && errnum != ECONNABORTED) {
      throw base::system_error("cannot accept on", "127.0.0.1", errnum);
    }
  }
}

}  // namespace caisson::bench
