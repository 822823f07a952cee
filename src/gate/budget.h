// SPDX-License-Identifier: Apache-2.0

// How many bytes a sandbox may exchange: a rate, which makes connections wait, and a total, which ends them.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <string>

namespace caisson::gate {

namespace asio = boost::asio;

class Budget {
 public:
  // 0: no limit.
  Budget(asio::any_io_executor executor, uint64_t bytes_per_second, uint64_t total_bytes)
      : executor_(std::move(executor)), per_second_(bytes_per_second), total_(total_bytes) {}

  // Waits until these bytes may pass. Throws base::Error when the total does not suffice for them; it is used up then.
  asio::awaitable<void> spend(size_t bytes);
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

}  // namespace caisson::gate
