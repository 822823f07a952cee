// SPDX-License-Identifier: Apache-2.0

// What is refused and fails is written to the ledger once in a while, with how often it happened: a guest can make it
// happen as often as it likes, and the ledger keeps its newest part only.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/json_reader.h"

namespace caisson::keeper {

class Repeats {
 public:
  static constexpr std::chrono::seconds kWindow{10};
  static constexpr size_t kMostLines = 64;  // in a window, that differ

  using Clock = std::chrono::steady_clock;
  using Write = std::function<void(std::string_view event, const base::Json& details)>;
  explicit Repeats(Write write) : write_(std::move(write)) {}

  // The first of its kind in a window is written at once; of the others the number is, when the window is over ("more",
  // with what repeats, or, behind kMostLines kinds, with nothing but the number). What was allowed is written as it is.
  void record(std::string_view event, const base::Json& details, Clock::time_point now = Clock::now());
  // The end: what was not written yet.
  void flush();

 private:
  struct Kind {
    base::Json details;
    uint64_t more = 0;
  };

  Write write_;
  Clock::time_point begin_;
  std::map<std::string, Kind> kinds_;
  uint64_t others_ = 0;
};

}  // namespace caisson::keeper
