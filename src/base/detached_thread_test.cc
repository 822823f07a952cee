// SPDX-License-Identifier: Apache-2.0

#include "base/detached_thread.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <future>

namespace caisson::base {
namespace {

bool term_is_blocked() {
  sigset_t now;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
  return ::sigismember(&now, SIGTERM) == 1;
}

TEST(DetachedThread, TakesNoSignalsFromWhoStartsIt) {
  std::promise<bool> blocked;
  start_detached([&] { blocked.set_value(term_is_blocked()); });
  EXPECT_TRUE(blocked.get_future().get());
  EXPECT_FALSE(term_is_blocked());
}

}  // namespace
}  // namespace caisson::base
