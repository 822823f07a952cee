// SPDX-License-Identifier: Apache-2.0

// What an accept loop does after a failure that may last (no descriptors, no memory): there is no event for its end,
// and trying again at once would only use up the processor.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

namespace caisson::keeper {

inline boost::asio::awaitable<void> pause_after_failed_accept(boost::asio::any_io_executor executor) {
  boost::asio::steady_timer timer(executor, std::chrono::milliseconds(100));
  co_await timer.async_wait(boost::asio::use_awaitable);
}

}  // namespace caisson::keeper
