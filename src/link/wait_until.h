// SPDX-License-Identifier: Apache-2.0

// Waiting for a condition with a deadline.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "base/scope.h"
#include "link/event.h"

namespace caisson::link {

namespace asio = boost::asio;

// Whether `condition` came true before the deadline. It is looked at whenever `changed` is notified, so whoever makes
// it true must notify: what is true without a word is seen at the deadline only. `changed` must live as long as this.
template <typename Condition>
asio::awaitable<bool> wait_until(asio::any_io_executor executor, Event& changed, Condition condition,
                                 std::optional<std::chrono::steady_clock::time_point> deadline) {
  asio::steady_timer timer(executor);
  // The timer's handler may be due already when this ends.
  const auto over = std::make_shared<bool>(false);
  const base::Scope ends([&] { *over = true; });
  if (deadline) {
    timer.expires_at(*deadline);
    timer.async_wait([&changed, over](boost::system::error_code error) {
      if (!error && !*over) changed.notify_all();
    });
  }
  while (!condition()) {
    if (deadline && std::chrono::steady_clock::now() >= *deadline) co_return false;
    co_await changed.wait();
  }
  co_return true;
}

}  // namespace caisson::link
