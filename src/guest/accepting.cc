// SPDX-License-Identifier: Apache-2.0

#include "guest/accepting.h"

#include <sys/socket.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>

namespace caisson::guest {
namespace {

constexpr std::chrono::milliseconds kAfterFailure{100};

}  // namespace

asio::awaitable<void> accept_for_ever(asio::any_io_executor executor, base::Fd listener,
                                      std::function<void(base::Fd connection)> take) {
  Descriptor socket(executor, std::move(listener));
  asio::steady_timer pause(executor);
  while (true) {
    base::Fd connection(::accept4(socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection) {
      take(std::move(connection));
    } else if (errno == EAGAIN) {
      co_await socket.readable();
    } else {
      pause.expires_after(kAfterFailure);
      co_await pause.async_wait(asio::use_awaitable);
    }
  }
}

}  // namespace caisson::guest
