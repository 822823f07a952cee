// SPDX-License-Identifier: Apache-2.0

#include "gate/budget.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/bytes.h"
#include "base/error.h"

namespace caisson::gate {
namespace {

// So much may pass at once after a pause, in time at the rate.
constexpr std::chrono::milliseconds kBurst{100};

}  // namespace

std::string Budget::used_up_words() const {
  return "the network limit of " + base::to_string(base::Bytes{total_}) + " in all is used up (--net-total)";
}

asio::awaitable<void> Budget::spend(size_t bytes) {
  if (total_ != 0 && bytes > total_ - spent_) {
    spent_ = total_;
    throw base::Error(used_up_words());
  }
  spent_ += bytes;
  if (per_second_ == 0) co_return;
  const auto now = Clock::now();
  const auto cost = std::chrono::nanoseconds(
      static_cast<int64_t>(static_cast<double>(bytes) * 1e9 / static_cast<double>(per_second_)));
  free_from_ = std::max(free_from_, now - kBurst) + cost;
  if (free_from_ <= now) co_return;
  asio::steady_timer timer(executor_, free_from_);
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace caisson::gate
