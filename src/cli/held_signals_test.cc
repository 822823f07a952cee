// SPDX-License-Identifier: Apache-2.0

#include "cli/held_signals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/temp_folder_for_test.h"
#include "cli/prepare.h"
#include "keeper/record.h"

namespace caisson::cli {
namespace {

// The signal that ended a child which does this, 0 when it ended by itself.
template <typename Work>
int signal_that_ended(Work work) {
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST(HeldSignals, WaitUntilTheEnd) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    const int ended_by = signal_that_ended([number] {
      ::signal(number, SIG_DFL);  // nohup(1) ignores one
      const HeldSignals held;
      if (held.came()) ::_exit(1);
      ::raise(number);
      if (!held.came()) ::_exit(2);
    });
    EXPECT_EQ(ended_by, number);
  }
}

TEST(HeldSignals, ThatAreIgnoredDoNotCount) {
  int status = 0;
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGHUP, SIG_IGN);
    const HeldSignals held;
    ::raise(SIGHUP);
    ::_exit(held.came() ? 1 : 7);
  }
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST(Launch, LeavesNothingWhenASignalCameBeforeThereWasAKeeper) {
  const base::TempFolder folder;
  const base::ScopedEnvironment data("XDG_DATA_HOME", folder.path().c_str());
  const int ended_by = signal_that_ended([] {
    ::signal(SIGINT, SIG_DFL);  // a shell's background job ignores it
    auto held = std::make_unique<HeldSignals>();
    engine::Plan plan;
    plan.engine = "none";
    plan.spec.name = "interrupted";
    keeper::Claim claim = keeper::NewSandbox(plan.spec.name).commit(plan);
    ::raise(SIGINT);
    launch({.claim = std::move(claim)}, std::move(held));
  });
  EXPECT_EQ(ended_by, SIGINT);
  // list_sandboxes would collect it now.
  EXPECT_FALSE(std::filesystem::exists(keeper::sandboxes_folder() + "/interrupted"));
}

}  // namespace
}  // namespace caisson::cli
