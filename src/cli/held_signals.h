// SPDX-License-Identifier: Apache-2.0

// The moments in which a signal must not end a command: a sandbox's record is there, and its keeper is not yet.
#pragma once

#include <csignal>

namespace caisson::cli {

// While it lives, SIGINT, SIGTERM, SIGHUP and SIGQUIT wait; those that are ignored stay so. The destructor lets them
// come: one that waits ends the process there.
class HeldSignals {
 public:
  HeldSignals();
  ~HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  // Whether one waits.
  bool came() const;

 private:
  sigset_t held_{};
  sigset_t before_{};
};

}  // namespace caisson::cli
