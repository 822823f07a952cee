// SPDX-License-Identifier: Apache-2.0

#include "cli/terminal.h"

#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "base/error.h"
#include "base/fd.h"

namespace caisson::cli {
namespace {

class TerminalTest : public testing::Test {
 protected:
  TerminalTest() {
    int user = -1;
    int program = -1;
    if (openpty(&user, &program, nullptr, nullptr, nullptr) != 0) throw std::runtime_error("no pty");
    user_ = base::Fd(user);
    program_ = base::Fd(program);
  }
  tcflag_t local_modes() const {
    termios now{};
    tcgetattr(program_.get(), &now);
    return now.c_lflag;
  }

  base::Fd user_;
  base::Fd program_;
};

TEST_F(TerminalTest, RawModeIsRestoredByTheDestructor) {
  const tcflag_t before = local_modes();
  {
    const RawMode raw(program_.get());
    EXPECT_EQ(local_modes() & (ICANON | ECHO | ISIG), 0U);
  }
  EXPECT_EQ(local_modes(), before);
}

TEST_F(TerminalTest, RawModeIsRestoredWhenTheProcessDies) {
  const tcflag_t before = local_modes();
  for (int number : {SIGSEGV, SIGABRT}) {
    const pid_t child = fork();
    if (child == 0) {
      const RawMode raw(program_.get());
      raise(number);
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), number);
    EXPECT_EQ(local_modes(), before) << number;
  }
}

TEST_F(TerminalTest, ApplyAgainMakesItRawAgain) {
  termios before{};
  tcgetattr(program_.get(), &before);
  const RawMode raw(program_.get());
  tcsetattr(program_.get(), TCSANOW, &before);
  raw.apply_again();
  EXPECT_EQ(local_modes() & ICANON, 0U);
}

TEST(Terminal, APipeIsNone) {
  const base::FdPair pipe = base::make_pipe();
  EXPECT_FALSE(is_terminal(pipe.first.get()));
  EXPECT_EQ(terminal_size(pipe.first.get()), std::nullopt);
  EXPECT_THROW(RawMode(pipe.first.get()), base::Error);
}

TEST_F(TerminalTest, ColoursOnlyOnATerminalThatWantsThem) {
  const base::FdPair pipe = base::make_pipe();
  setenv("TERM", "xterm", 1);
  unsetenv("NO_COLOR");
  EXPECT_TRUE(colours_wanted(program_.get()));
  EXPECT_FALSE(colours_wanted(pipe.second.get()));
  setenv("TERM", "dumb", 1);
  EXPECT_FALSE(colours_wanted(program_.get()));
  setenv("TERM", "xterm", 1);
  setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(colours_wanted(program_.get()));
  setenv("NO_COLOR", "", 1);  // https://no-color.org: "when present and not an empty string"
  EXPECT_TRUE(colours_wanted(program_.get()));
}

}  // namespace
}  // namespace caisson::cli
