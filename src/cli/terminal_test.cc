// SPDX-License-Identifier: Apache-2.0

#include "cli/terminal.h"

#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
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

TEST_F(TerminalTest, HiddenLinesAreNotShownAndEndAtCtrlC) {
  const tcflag_t before = local_modes();
  {
    const HiddenLines hidden(program_.get());
    EXPECT_EQ(local_modes() & (ICANON | ECHO | ISIG), static_cast<tcflag_t>(ICANON));
    base::write_all(user_.get(), std::string_view("hunter2\n"), "pty");
    char line[64];
    EXPECT_EQ(::read(program_.get(), line, sizeof line), 8);
    base::write_all(user_.get(), std::string_view("hun\x03"), "pty");
    EXPECT_EQ(::read(program_.get(), line, sizeof line), 4);
    EXPECT_EQ(line[3], kCtrlC);
    EXPECT_EQ(::read(user_.get(), line, sizeof line), 2);
    EXPECT_EQ(std::string_view(line, 2), "\r\n");
  }
  EXPECT_EQ(local_modes(), before);
}

TEST_F(TerminalTest, HiddenLinesAreShownAgainWhenTheProcessIsEnded) {
  const tcflag_t before = local_modes();
  for (int number : {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGSEGV}) {
    const pid_t child = fork();
    if (child == 0) {
      // As a command has it: other tests of this program leave signals blocked or ignored.
      sigset_t none;
      sigemptyset(&none);
      sigprocmask(SIG_SETMASK, &none, nullptr);
      signal(number, SIG_DFL);
      const HiddenLines hidden(program_.get());
      raise(number);
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), number);
    EXPECT_EQ(local_modes(), before);
  }
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

TEST_F(TerminalTest, DetachableLinesAreEditedAndEndWithCtrlQToo) {
  termios before{};
  tcgetattr(program_.get(), &before);
  {
    const DetachableLines lines(program_.get());
    EXPECT_EQ(local_modes(), before.c_lflag);
    base::write_all(user_.get(),
                    std::string_view("ax\x7f"
                                     "b\x10\x11"),
                    "terminal");
    char typed[16] = {};
    EXPECT_EQ(read(program_.get(), typed, sizeof typed), 4);
    EXPECT_STREQ(typed, "ab\x10\x11");
    tcsetattr(program_.get(), TCSANOW, &before);
    lines.apply_again();
    base::write_all(user_.get(), std::string_view("\x11"), "terminal");
    EXPECT_EQ(read(program_.get(), typed, sizeof typed), 1);
  }
  termios after{};
  tcgetattr(program_.get(), &after);
  EXPECT_EQ(after.c_iflag, before.c_iflag);
  EXPECT_EQ(after.c_cc[VEOL], before.c_cc[VEOL]);
}

TEST_F(TerminalTest, AJobInTheBackgroundLeavesItAlone) {
  termios before{};
  tcgetattr(program_.get(), &before);
  const pid_t child = fork();
  if (child == 0) {
    // A session whose terminal this is, with another job in its foreground; where it is changed, SIGTTOU stops that.
    setsid();
    ioctl(program_.get(), TIOCSCTTY, 0);
    const pid_t background = fork();
    if (background == 0) {
      setpgid(0, 0);
      { const DetachableLines lines(program_.get()); }
      _exit(may_use_terminal(program_.get()) ? 1 : 7);
    }
    int ended = 0;
    waitpid(background, &ended, WUNTRACED);
    if (WIFSTOPPED(ended)) kill(background, SIGKILL);
    _exit(WIFEXITED(ended) ? WEXITSTATUS(ended) : 2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7);
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
