// SPDX-License-Identifier: Apache-2.0

// The orderly end in a real caisson-init, as this user and without a machine around it: then it is init that ends.

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "guest/init_for_test.h"
#include "link/message.h"

namespace caisson::guest {

class PowerOff : public InitTest {
 protected:
  // Until the command has said "up", and from the request to power off until init has ended.
  asio::awaitable<void> end_of(link::ExecRequest request, std::chrono::seconds until_kill) {
    co_await configure_once();
    const link::StreamPtr stream = co_await client_->exec(std::move(request));
    std::string said;
    while (said.find("up") == std::string::npos) {
      const Frame frame = co_await read_frame(*stream);
      if (frame.type == ExecFrame::kError) throw base::Error(frame.payload);
      if (frame.type == ExecFrame::kStdout) said += frame.payload;
    }
    co_await client_->poweroff(until_kill);
    try {
      while (true) co_await read_frame(*stream);
    } catch (const base::Error&) {
      // The link has ended with init.
    }
  }

  base::TempFolder folder_;
};

namespace {

using namespace std::chrono_literals;

TEST_F(PowerOff, ACommandHasTheTimeThatTheHostGives) {
  const std::string file = folder_ / "file";
  run(end_of(shell("trap 'sleep 3; echo done >" + file + "; exit 0' TERM; echo up; while :; do sleep 0.1; done"),
             600s));
  EXPECT_EQ(base::read_file_if_exists(file), "done\n");
}

TEST_F(PowerOff, WhatIsLeftThenIsKilled) {
  run(end_of(shell("trap '' TERM; echo up; while :; do sleep 0.1; done"), 1s));
}

// Or this would take ten minutes.
TEST_F(PowerOff, AShellThatIsTypedAtEndsWithItsTerminal) {
  link::ExecRequest request = command({"/bin/sh", "-i", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"});
  request.tty = link::TtySize{24, 80};
  run(end_of(std::move(request), 600s));
}

}  // namespace
}  // namespace caisson::guest
