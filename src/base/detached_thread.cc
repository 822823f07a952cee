// SPDX-License-Identifier: Apache-2.0

#include "base/detached_thread.h"

#include <signal.h>

#include <thread>

#include "base/scope.h"

namespace caisson::base {

void start_detached(std::function<void()> run) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const Scope restore([&] { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); });
  std::thread(std::move(run)).detach();
}

}  // namespace caisson::base
