// SPDX-License-Identifier: Apache-2.0

#include "gate/budget.h"

#include "base/bytes.h"
#include "base/error.h"

namespace caisson::gate {
namespace {

// A rate of many bytes would wake the keeper for each turn otherwise; Pace::kBurst is more.
constexpr std::chrono::milliseconds kShortestWait{5};

}  // namespace

Budget::Budget(asio::any_io_executor executor, uint64_t bytes_per_second, uint64_t total_bytes, uint64_t spent_bytes)
    : executor_(std::move(executor)),
      per_second_(bytes_per_second),
      total_(total_bytes),
      spent_(total_bytes != 0 ? std::min(spent_bytes, total_bytes) : spent_bytes),
      reserved_(spent_),
      clock_(executor_) {
  if (per_second_ != 0) pace_.emplace(per_second_, Pace::Clock::now());
}

std::string Budget::used_up_words() const {
  return "the network limit of " + base::to_string(base::Bytes{total_}) + " in all is used up (--net-total)";
}

void Budget::hit(const std::string& words) const {
  if (on_limit_) on_limit_(words);
}

void Budget::count(size_t bytes) {
  if (total_ != 0 && bytes > total_ - spent_) {
    spent_ = total_;
    reserve();
    hit(used_up_words());
    throw base::Error(used_up_words());
  }
  spent_ += bytes;
  reserve();
}

// Ahead, so that not each byte is told.
void Budget::reserve() {
  if (total_ == 0 || spent_ <= reserved_) return;
  reserved_ = std::min(total_, spent_ + std::min(kReserved, total_ / 32));
  if (on_reserve_) on_reserve_(reserved_);
}

void Budget::spend_first(size_t bytes) {
  count(bytes);
  if (pace_) pace_->pass_first(bytes, Pace::Clock::now());
}

void Budget::wake_later() {
  if (ticks_ || !pace_->anyone_waits()) return;
  ticks_ = true;
  clock_.arm(std::max(kShortestWait, std::chrono::ceil<std::chrono::milliseconds>(pace_->until_next())), [this] {
    ticks_ = false;
    pace_->advance(Pace::Clock::now());
    wake_later();
  });
}

Spender::Spender(Budget& budget, std::shared_ptr<void> keeps_alive)
    : keeps_alive_(std::move(keeps_alive)),
      budget_(budget),
      passed_(budget.executor()),
      lane_([this] { passed_.notify_all(); }) {}

Spender::~Spender() {
  if (budget_.pace_) budget_.pace_->leave(lane_);
}

std::shared_ptr<Spender> Spender::of(link::Stream& stream, Budget& budget, std::shared_ptr<void> keeps_alive) {
  auto spender = std::make_shared<Spender>(budget, std::move(keeps_alive));
  stream.on_broken([weak = std::weak_ptr<Spender>(spender)] {
    if (const auto strong = weak.lock()) strong->end();
  });
  return spender;
}

void Spender::end() {
  ended_ = true;
  if (budget_.pace_) budget_.pace_->leave(lane_);
  passed_.notify_all();
}

asio::awaitable<void> Spender::spend(size_t bytes) {
  budget_.count(bytes);
  if (!budget_.pace_ || bytes == 0 || budget_.pace_->pass(bytes, Pace::Clock::now())) co_return;
  budget_.hit("the network limit of " + base::to_string(base::Bytes{budget_.per_second_}) +
              " a second was reached, and connections waited for it (--net-rate)");
  if (!ended_) budget_.pace_->wait(lane_, bytes);
  const uint64_t turn = lane_.given();
  budget_.wake_later();
  while (!ended_ && lane_.passed() < turn) co_await passed_.wait();
  if (ended_) throw base::Error("the connection ended while it waited for the rate of the network");
}

}  // namespace caisson::gate
