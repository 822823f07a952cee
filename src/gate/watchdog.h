// SPDX-License-Identifier: Apache-2.0

// A time limit that is set and lifted again and again.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>

namespace caisson::gate {

class Watchdog {
 public:
  explicit Watchdog(const boost::asio::any_io_executor& executor)
      : timer_(executor), armed_(std::make_shared<uint64_t>(0)) {}
  ~Watchdog() { disarm(); }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // `bite` is called once, from the executor, unless this is armed anew, disarmed or gone before.
  void arm(std::chrono::milliseconds limit, std::function<void()> bite) {
    const uint64_t turn = ++*armed_;
    timer_.expires_after(limit);
    timer_.async_wait([armed = armed_, turn, action = std::move(bite)](boost::system::error_code cancelled) {
      // It may be due already when it is disarmed.
      if (!cancelled && *armed == turn) action();
    });
  }
  void disarm() {
    ++*armed_;
    timer_.cancel();
  }

 private:
  boost::asio::steady_timer timer_;
  std::shared_ptr<uint64_t> armed_;  // how often; the number of the limit that counts
};

}  // namespace caisson::gate
