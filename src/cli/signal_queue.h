// SPDX-License-Identifier: Apache-2.0

// Signals as something to poll: a signalfd(2) for as long as the object lives, with SIGPIPE ignored. The thread's mask
// and SIGPIPE's disposition are put back at the end.
#pragma once

#include <csignal>
#include <initializer_list>
#include <optional>

#include "base/fd.h"

namespace caisson::cli {

class SignalQueue {
 public:
  SignalQueue(std::initializer_list<int> numbers);
  ~SignalQueue();
  SignalQueue(const SignalQueue&) = delete;
  SignalQueue& operator=(const SignalQueue&) = delete;

  int fd() const { return fd_.get(); }
  // The next signal that has come, if any.
  std::optional<int> next();

 private:
  base::Fd fd_;
  sigset_t mask_before_{};
  struct sigaction pipe_before_ {};
};

}  // namespace caisson::cli
