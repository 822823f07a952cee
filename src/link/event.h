// SPDX-License-Identifier: Apache-2.0

// Something that coroutines wait for. An Asio timer that never fires would do the same, at the price of a timerfd
// system call each time the wait begins, which is what an emulated processor is slowest at.
//
// A notified coroutine is resumed from the executor, never inside notify(): whoever notifies need not fear what it
// does. There is no memory in it: a coroutine looks at its condition in a loop around wait(). One thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <list>
#include <memory>
#include <utility>

namespace caisson::link {

namespace asio = boost::asio;

class Event {
 public:
  explicit Event(asio::any_io_executor executor) : executor_(std::move(executor)) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  // Until the next notify(). Throws boost::system::system_error when the coroutine is cancelled.
  asio::awaitable<void> wait() {
    auto begin = [this](auto handler) { add(std::move(handler)); };
    return asio::async_initiate<const asio::use_awaitable_t<>, void(boost::system::error_code)>(begin,
                                                                                                asio::use_awaitable);
  }
  void notify_all() {
    while (!waiters_.empty()) notify_one();
  }
  // The one that has waited longest.
  void notify_one() {
    if (!waiters_.empty()) complete(waiters_.begin(), {});
  }

 private:
  struct Waiter {
    virtual ~Waiter() = default;
    virtual void post(const asio::any_io_executor& executor, boost::system::error_code error) = 0;
  };
  using Waiters = std::list<std::unique_ptr<Waiter>>;

  template <typename Handler>
  struct HandlerWaiter final : Waiter {
    explicit HandlerWaiter(Handler taken) : handler(std::move(taken)) {}
    void post(const asio::any_io_executor& executor, boost::system::error_code error) override {
      if (!error) {
        auto slot = asio::get_associated_cancellation_slot(handler);
        if (slot.is_connected()) slot.clear();
      }
      asio::post(executor, [resumed = std::move(handler), error]() mutable { std::move(resumed)(error); });
    }
    Handler handler;
  };

  // What a cancellation calls; it may be called again before the coroutine runs, and it must not free itself.
  struct Cancel {
    Event* event;
    Waiters::iterator place;
    void operator()(asio::cancellation_type) {
      if (Event* once = std::exchange(event, nullptr)) once->complete(place, asio::error::operation_aborted);
    }
  };

  template <typename Handler>
  void add(Handler handler) {
    auto slot = asio::get_associated_cancellation_slot(handler);
    waiters_.push_back(std::make_unique<HandlerWaiter<Handler>>(std::move(handler)));
    if (slot.is_connected()) slot.assign(Cancel{this, std::prev(waiters_.end())});
  }
  void complete(Waiters::iterator place, boost::system::error_code error) {
    const std::unique_ptr<Waiter> waiter = std::move(*place);
    waiters_.erase(place);
    waiter->post(executor_, error);
  }

  asio::any_io_executor executor_;
  Waiters waiters_;
};

}  // namespace caisson::link
