// SPDX-License-Identifier: Apache-2.0

// A time limit for a coroutine.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>
#include <utility>

#include "base/scope.h"

namespace caisson::link {

namespace asio = boost::asio;

// What `work` returns or throws. When it takes longer it is cancelled at what it waits for, and `late` is thrown.
// One thread; `work` must be new, and goes on as a coroutine of its own.
template <typename Result, typename Late>
asio::awaitable<Result> within(asio::any_io_executor executor, std::chrono::milliseconds limit,
                               asio::awaitable<Result> work, Late late) {
  struct Watch {
    asio::cancellation_signal cancel;
    bool over = false;
    bool late = false;
  };
  const auto watch = std::make_shared<Watch>();
  asio::steady_timer timer(executor, limit);
  // It may be due already when the work ends.
  timer.async_wait([watch](boost::system::error_code gone) {
    if (gone || watch->over) return;
    watch->late = true;
    watch->cancel.emit(asio::cancellation_type::all);
  });
  const base::Scope over([&] { watch->over = true; });
  auto token = asio::bind_cancellation_slot(watch->cancel.slot(), asio::use_awaitable);
  try {
    Result result = co_await asio::co_spawn(executor, std::move(work), token);
    co_return result;
  } catch (...) {
    if (!watch->late) throw;
  }
  throw late;
}

}  // namespace caisson::link
