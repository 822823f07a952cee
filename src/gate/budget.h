// SPDX-License-Identifier: Apache-2.0

// How many bytes a sandbox may exchange: a rate, which makes connections wait, and a total, which ends them.
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gate/pace.h"
#include "gate/watchdog.h"
#include "link/event.h"
#include "link/session.h"

namespace caisson::gate {

namespace asio = boost::asio;

class Budget {
 public:
  // Told of each limit that is hit, in words, again and again; must not throw.
  using OnLimit = std::function<void(const std::string& words)>;

  // Told how many bytes may have been spent at most until it is told more, before they are. Must not throw.
  using OnReserve = std::function<void(uint64_t bytes)>;

  // A total and rate of 0: no limit. `spent_bytes`: of the total, before this.
  Budget(asio::any_io_executor executor, uint64_t bytes_per_second, uint64_t total_bytes, uint64_t spent_bytes = 0);
  void on_limit(OnLimit told) { on_limit_ = std::move(told); }
  // Where there is a total: whoever keeps what it is told has not less than was spent, however this ends, and at most
  // kReserved of it or a 32nd of the total too much.
  static constexpr uint64_t kReserved = 16U << 20;
  void on_reserve(OnReserve told) { on_reserve_ = std::move(told); }

  const asio::any_io_executor& executor() const { return executor_; }
  // For what must not wait, names: bytes that pass at once, and for which connections wait the longer. Throws
  // base::Error when the total does not suffice for them; it is used up then.
  void spend_first(size_t bytes);
  // Where nothing has to wait and nothing is used up; else false, and nothing is spent.
  bool spend_at_once(size_t bytes) {
    if (pace_ || total_ != 0) return false;
    spent_ += bytes;
    return true;
  }
  uint64_t spent() const { return spent_; }
  bool used_up() const { return total_ != 0 && spent_ >= total_; }
  std::string used_up_words() const;

 private:
  friend class Spender;

  void count(size_t bytes);
  void reserve();
  void hit(const std::string& words) const;
  void wake_later();

  asio::any_io_executor executor_;
  uint64_t per_second_;
  uint64_t total_;
  uint64_t spent_;
  uint64_t reserved_;  // not less
  std::optional<Pace> pace_;
  Watchdog clock_;
  bool ticks_ = false;
  OnLimit on_limit_;
  OnReserve on_reserve_;
};

// One connection's part in it.
class Spender {
 public:
  // `budget` outlives it: `keeps_alive` is its owner, or null.
  Spender(Budget& budget, std::shared_ptr<void> keeps_alive);
  ~Spender();
  Spender(const Spender&) = delete;
  Spender& operator=(const Spender&) = delete;

  // Of a stream of the guest's: what waits ends with it.
  static std::shared_ptr<Spender> of(link::Stream& stream, Budget& budget, std::shared_ptr<void> keeps_alive);

  // Waits until these bytes may pass. Throws base::Error when the total does not suffice for them (it is used up then),
  // and when they have to wait and it has ended.
  asio::awaitable<void> spend(size_t bytes);
  // Nothing waits any more. Idempotent.
  void end();
  Budget& budget() { return budget_; }

 private:
  std::shared_ptr<void> keeps_alive_;
  Budget& budget_;
  link::Event passed_;
  Pace::Lane lane_;
  bool ended_ = false;
};
using SpenderPtr = std::shared_ptr<Spender>;

// One direction of a connection on whose two sides not the same bytes pass: a few bytes of HTTP/2's compressed heads
// can stand for many at the other side. Spent is what passes on the side with more.
class Toll {
 public:
  enum class Side : uint8_t { kGuest, kServer };

  // `spender` outlives it.
  explicit Toll(Spender& spender) : spender_(spender) {}

  // As Spender::spend.
  asio::awaitable<void> pass(Side side, size_t bytes) {
    passed_[static_cast<size_t>(side)] += bytes;
    const uint64_t most = std::max(passed_[0], passed_[1]);
    return spender_.spend(most - std::exchange(spent_, most));
  }

 private:
  Spender& spender_;
  std::array<uint64_t, 2> passed_{};
  uint64_t spent_ = 0;
};

}  // namespace caisson::gate
