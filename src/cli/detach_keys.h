// SPDX-License-Identifier: Apache-2.0

// Finds ctrl-p ctrl-q, docker's keys for leaving a terminal without ending what runs in it, in the bytes a user types.
#pragma once

#include <string>
#include <string_view>

namespace caisson::cli {

inline constexpr char kCtrlP = 0x10;
inline constexpr char kCtrlQ = 0x11;

class DetachKeys {
 public:
  struct Result {
    std::string pass;       // what goes on to the command
    bool detached = false;  // the keys were seen; nothing behind them passes
  };
  // A ctrl-p is held back until the next byte shows what it was.
  Result feed(std::string_view typed);

 private:
  bool held_ = false;
};

}  // namespace caisson::cli
