// SPDX-License-Identifier: Apache-2.0

#include "cli/held_signals.h"

#include <csignal>
#include <initializer_list>

namespace caisson::cli {

HeldSignals::HeldSignals() {
  sigemptyset(&held_);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    // A blocked signal waits although it is ignored (nohup(1), a shell's background job).
    struct sigaction now {};
    if (sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN) continue;
    sigaddset(&held_, number);
  }
  pthread_sigmask(SIG_BLOCK, &held_, &before_);
}

HeldSignals::~HeldSignals() {
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool HeldSignals::came() const {
  sigset_t waiting;
  sigpending(&waiting);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    if (sigismember(&held_, number) == 1 && sigismember(&waiting, number) == 1) return true;
  }
  return false;
}

}  // namespace caisson::cli
