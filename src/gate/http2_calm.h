// SPDX-License-Identifier: Apache-2.0

// How many streams a client may begin and take back (rapid reset, CVE-2023-44487), spoil so that the gate has to, or
// have refused. Each costs the server's work or the gate's, and none of the limit for streams at a time. What was asked
// and answered by the server gives back, and so does time.
#pragma once

#include <algorithm>
#include <chrono>

namespace caisson::gate {

class Http2Calm {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr double kMost = 200;
  static constexpr double kPerSecond = 1;

  explicit Http2Calm(Clock::time_point now) : since_(now) {}

  // False: that was one too many.
  bool wasted(Clock::time_point now) {
    const double seconds = std::chrono::duration<double>(now - since_).count();
    left_ = std::min(kMost, left_ + seconds * kPerSecond) - 1;
    since_ = now;
    return left_ >= 0;
  }
  void answered() { left_ = std::min(kMost, left_ + 1); }

 private:
  double left_ = kMost;
  Clock::time_point since_;
};

}  // namespace caisson::gate
