// SPDX-License-Identifier: Apache-2.0

// The orderly end in a real caisson-init, as this user and without a machine around it: then it is init that ends.

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

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
      if (frame.type == ExecFrame::kStarted) {
        const auto started = link::from_json<link::ExecStarted>(base::parse_json_object(frame.payload, "started"));
        command_ = base::Fd(static_cast<int>(::syscall(SYS_pidfd_open, started.pid, 0)));
      }
      if (frame.type == ExecFrame::kStdout) said += frame.payload;
    }
    co_await client_->poweroff(until_kill);
    try {
      while (true) co_await read_frame(*stream);
    } catch (const base::Error&) {
      // The link has ended with init.
    }
  }

  // Whether the command's process has ended, or does within that time: a pidfd is readable from then on. It was sent
  // its signal before init ended, but may have to wait for a processor.
  bool command_ends_within(std::chrono::milliseconds time) const {
    pollfd ended{.fd = command_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&ended, 1, static_cast<int>(time.count())) == 1;
  }

  void TearDown() override {
    // One that init has left would run for ever.
    if (command_) ::syscall(SYS_pidfd_send_signal, command_.get(), SIGKILL, nullptr, 0);
  }

  base::TempFolder folder_;
  base::Fd command_;
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
  ASSERT_TRUE(command_) << "no process was started";
  EXPECT_TRUE(command_ends_within(10s)) << "init has ended without its command";
}

// Or this would take ten minutes.
TEST_F(PowerOff, AShellThatIsTypedAtEndsWithItsTerminal) {
  link::ExecRequest request = command({"/bin/sh", "-i", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"});
  request.tty = link::TtySize{24, 80};
  run(end_of(std::move(request), 600s));
  ASSERT_TRUE(command_) << "no process was started";
  EXPECT_TRUE(command_ends_within(10s)) << "init has ended without its command";
}

}  // namespace
}  // namespace caisson::guest
