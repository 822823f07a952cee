// SPDX-License-Identifier: Apache-2.0

// What is refused and fails is written to the ledger once in a while, with how often it happened: a guest can make it
// happen as often as it likes, and the ledger keeps its newest part only.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/json_reader.h"
#include "gate/watchdog.h"

namespace caisson::keeper {

class Repeats {
 public:
  static constexpr std::chrono::seconds kWindow{10};
  static constexpr size_t kMostLines = 64;   // in a window, that differ
  static constexpr size_t kMostNamed = 256;  // in a window, of the targets of those that have no line

  using Clock = std::chrono::steady_clock;
  using Write = std::function<void(std::string_view event, const base::Json& details)>;
  Repeats(const boost::asio::any_io_executor& executor, Write write, std::chrono::milliseconds window = kWindow)
      : write_(std::move(write)), window_(window), over_(executor) {}

  // The first of its kind in a window is written at once; of the others the number is, when the window is over ("more",
  // with what repeats). Behind kMostLines kinds it is one number for all, with their targets. What was allowed is
  // written as it is.
  void record(std::string_view event, const base::Json& details);
  // The end: what was not written yet.
  void flush();

 private:
  struct Kind {
    base::Json details;
    uint64_t more = 0;
  };

  void count_other(const base::Json& details);

  Write write_;
  std::chrono::milliseconds window_;
  gate::Watchdog over_;
  std::map<std::string, Kind> kinds_;
  uint64_t others_ = 0;
  std::set<std::string> other_targets_;
};

}  // namespace caisson::keeper
