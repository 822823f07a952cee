// SPDX-License-Identifier: Apache-2.0

// A rate of bytes that many connections share. Those that wait pass in turns of some bytes each, so that one with
// little to say waits for a turn of each of the others and not for all that they have. It knows no clock and does not
// wait: it is told the time, which must not go back.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <utility>

namespace caisson::gate {

class Pace {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kTurnBytes = 4096;
  // So much may pass at once after a pause, in time at the rate; a turn may in any case.
  static constexpr std::chrono::milliseconds kBurst{100};

  // What waits of one connection. It must leave() before it goes.
  class Lane {
   public:
    // Called from advance() when the oldest of its amounts has passed; must not call the Pace.
    explicit Lane(std::function<void()> on_passed) : on_passed_(std::move(on_passed)) {}
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    // Amounts that were given to wait(), and those that have passed since.
    uint64_t given() const { return given_; }
    uint64_t passed() const { return passed_; }

   private:
    friend class Pace;
    std::function<void()> on_passed_;
    std::deque<size_t> left_;  // of each amount
    uint64_t given_ = 0;
    uint64_t passed_ = 0;
  };

  Pace(uint64_t bytes_per_second, Clock::time_point now);

  // Whether they pass at once; nothing is taken where they do not.
  bool pass(size_t bytes, Clock::time_point now);
  // They pass whatever waits, which waits the longer: at most a second more for all of them.
  void pass_first(size_t bytes, Clock::time_point now);
  void wait(Lane& lane, size_t bytes);
  // Nothing of it waits any more.
  void leave(Lane& lane);
  // Lets pass what the time has brought.
  void advance(Clock::time_point now);

  bool anyone_waits() const { return !line_.empty(); }
  // From the last call with a time to the one that lets something pass. Only where anyone waits.
  std::chrono::nanoseconds until_next() const;

 private:
  void fill(Clock::time_point now);
  size_t next_turn() const;

  double per_second_;
  double most_;
  double free_;  // bytes that may pass now; below zero after pass_first()
  Clock::time_point filled_;
  std::list<Lane*> line_;
};

}  // namespace caisson::gate
