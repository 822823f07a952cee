// SPDX-License-Identifier: Apache-2.0

// How many bytes a sandbox may exchange: a rate, which makes connections wait, and a total, which ends them.
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

namespace caisson::gate {

namespace asio = boost::asio;

class Budget {
 public:
  // 0: no limit.
  Budget(asio::any_io_executor executor, uint64_t bytes_per_second, uint64_t total_bytes)
      : executor_(std::move(executor)), per_second_(bytes_per_second), total_(total_bytes) {}

  // Waits until these bytes may pass. Throws base::Error when the total does not suffice for them; it is used up then.
  asio::awaitable<void> spend(size_t bytes);
  const asio::any_io_executor& executor() const { return executor_; }
  // The same where nothing has to wait and nothing is used up; else false, and nothing is spent.
  bool spend_at_once(size_t bytes) {
    if (per_second_ != 0 || total_ != 0) return false;
    spent_ += bytes;
    return true;
  }
  uint64_t spent() const { return spent_; }
  bool used_up() const { return total_ != 0 && spent_ >= total_; }
  std::string used_up_words() const;

 private:
  using Clock = std::chrono::steady_clock;

  asio::any_io_executor executor_;
  uint64_t per_second_;
  uint64_t total_;
  uint64_t spent_ = 0;
  Clock::time_point free_from_ = {};  // when all that was spent has had its time
};

// One direction of a connection on whose two sides not the same bytes pass: a few bytes of HTTP/2's compressed heads
// can stand for many at the other side. Spent is what passes on the side with more.
class Toll {
 public:
  enum class Side : uint8_t { kGuest, kServer };

  // `budget` outlives it.
  explicit Toll(Budget& budget) : budget_(budget) {}

  // As Budget::spend.
  asio::awaitable<void> pass(Side side, size_t bytes) {
    passed_[static_cast<size_t>(side)] += bytes;
    const uint64_t most = std::max(passed_[0], passed_[1]);
    return budget_.spend(most - std::exchange(spent_, most));
  }

 private:
  Budget& budget_;
  std::array<uint64_t, 2> passed_{};
  uint64_t spent_ = 0;
};

}  // namespace caisson::gate
