// SPDX-License-Identifier: Apache-2.0

#include "gate/pace.h"

#include <algorithm>

namespace caisson::gate {

Pace::Pace(uint64_t bytes_per_second, Clock::time_point now)
    : per_second_(static_cast<double>(bytes_per_second)),
      most_(std::max(per_second_ * std::chrono::duration<double>(kBurst).count(), static_cast<double>(kTurnBytes))),
      free_(most_),
      filled_(now) {}

void Pace::fill(Clock::time_point now) {
  free_ = std::min(most_, free_ + std::chrono::duration<double>(now - filled_).count() * per_second_);
  filled_ = now;
}

bool Pace::pass(size_t bytes, Clock::time_point now) {
  fill(now);
  if (anyone_waits() || free_ < static_cast<double>(bytes)) return false;
  free_ -= static_cast<double>(bytes);
  return true;
}

void Pace::pass_first(size_t bytes, Clock::time_point now) {
  fill(now);
  free_ = std::max(free_ - static_cast<double>(bytes), std::min(free_, -per_second_));
}

void Pace::wait(Lane& lane, size_t bytes) {
  if (lane.left_.empty()) line_.push_back(&lane);
  lane.left_.push_back(bytes);
  ++lane.given_;
}

void Pace::leave(Lane& lane) {
  if (!lane.left_.empty()) line_.remove(&lane);
  lane.left_.clear();
}

size_t Pace::next_turn() const {
  return std::min(kTurnBytes, line_.front()->left_.front());
}

void Pace::advance(Clock::time_point now) {
  fill(now);
  while (anyone_waits() && free_ >= static_cast<double>(next_turn())) {
    Lane& lane = *line_.front();
    const size_t turn = next_turn();
    free_ -= static_cast<double>(turn);
    lane.left_.front() -= turn;
    if (lane.left_.front() == 0) {
      lane.left_.pop_front();
      ++lane.passed_;
      lane.on_passed_();
    }
    if (lane.left_.empty()) {
      line_.pop_front();
    } else {
      line_.splice(line_.end(), line_, line_.begin());
    }
  }
}

std::chrono::nanoseconds Pace::until_next() const {
  const double missing = std::max(0.0, static_cast<double>(next_turn()) - free_);
  return std::chrono::nanoseconds(static_cast<int64_t>(std::min(missing / per_second_, 3600.0) * 1e9) + 1);
}

}  // namespace caisson::gate
