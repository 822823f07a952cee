// SPDX-License-Identifier: Apache-2.0

// One at a time: a mutex for coroutines of one thread.
#pragma once

#include <memory>

#include "link/event.h"

namespace caisson::keeper {

class Turn {
 public:
  explicit Turn(link::asio::any_io_executor executor) : freed_(std::move(executor)) {}

  // Held until the returned object goes.
  class Held {
   public:
    explicit Held(Turn& turn) : turn_(&turn) {}
    Held(Held&& other) noexcept : turn_(std::exchange(other.turn_, nullptr)) {}
    Held& operator=(Held&&) = delete;
    ~Held() {
      if (turn_ == nullptr) return;
      turn_->taken_ = false;
      turn_->freed_.notify_one();
    }

   private:
    Turn* turn_;
  };

  link::asio::awaitable<Held> take() {
    while (taken_) co_await freed_.wait();
    taken_ = true;
    co_return Held(*this);
  }

 private:
  bool taken_ = false;
  link::Event freed_;
};

}  // namespace caisson::keeper
