// SPDX-License-Identifier: Apache-2.0

#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "cli/detach_keys.h"

namespace caisson::cli {
namespace {

// What restore_and_die() needs. A signal handler can reach only what has static storage; `g_changed_fd` is -1 when
// there is nothing to restore.
termios g_before;
volatile sig_atomic_t g_changed_fd = -1;

constexpr std::array<int, 7> kDeadlySignals = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};

// tcsetattr(3), signal(2) and raise(3) are async-signal-safe (signal-safety(7)).
void restore_and_die(int number) {
  if (g_changed_fd >= 0 && may_use_terminal(g_changed_fd)) tcsetattr(g_changed_fd, TCSANOW, &g_before);
  signal(number, SIG_DFL);
  raise(number);
}

void remember(int fd) {
  if (tcgetattr(fd, &g_before) != 0) throw base::system_error("cannot set up", "the terminal");
  g_changed_fd = fd;
  for (int number : kDeadlySignals) signal(number, restore_and_die);
}

void forget() {
  g_changed_fd = -1;
  for (int number : kDeadlySignals) signal(number, SIG_DFL);
}

// Those that somebody sends. One that is ignored stays so (nohup(1)).
constexpr std::array<int, 4> kEndingSignals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

void handle_endings(void (*from)(int), void (*to)(int)) {
  for (const int number : kEndingSignals) {
    struct sigaction now {};
    if (sigaction(number, nullptr, &now) == 0 && now.sa_handler == from) signal(number, to);
  }
}

// TCSADRAIN lets what was written so far go out in the mode it was written for.
void set_raw(int fd) {
  termios raw = g_before;
  cfmakeraw(&raw);
  tcsetattr(fd, TCSADRAIN, &raw);
}

}  // namespace

bool may_use_terminal(int fd) {
  const pid_t foreground = tcgetpgrp(fd);
  return foreground < 0 || foreground == getpgrp();
}

bool is_terminal(int fd) {
  return isatty(fd) == 1;
}

std::optional<TerminalSize> terminal_size(int fd) {
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return std::nullopt;
  return TerminalSize{size.ws_row, size.ws_col};
}

bool colours_wanted(int fd) {
  const char* no_color = getenv("NO_COLOR");
  const char* term = getenv("TERM");
  if (no_color != nullptr && no_color[0] != '\0') return false;
  if (term == nullptr || std::string_view(term) == "dumb") return false;
  return is_terminal(fd);
}

RawMode::RawMode(int fd) {
  remember(fd);
  set_raw(fd);
}

RawMode::~RawMode() {
  tcsetattr(g_changed_fd, TCSADRAIN, &g_before);
  forget();
}

void RawMode::apply_again() const {
  set_raw(g_changed_fd);
}

DetachableLines::DetachableLines(int fd) {
  remember(fd);
  apply_again();
}

DetachableLines::~DetachableLines() {
  if (may_use_terminal(g_changed_fd)) tcsetattr(g_changed_fd, TCSADRAIN, &g_before);
  forget();
}

void DetachableLines::apply_again() const {
  if (!may_use_terminal(g_changed_fd)) return;
  termios lines = g_before;
  lines.c_iflag &= ~static_cast<tcflag_t>(IXON);
  lines.c_cc[VEOL] = kCtrlQ;
  tcsetattr(g_changed_fd, TCSADRAIN, &lines);
}

HiddenLines::HiddenLines(int fd) {
  remember(fd);
  handle_endings(SIG_DFL, restore_and_die);
  termios lines = g_before;
  lines.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
  lines.c_lflag |= ICANON | ECHONL;
  lines.c_cc[VEOL] = kCtrlC;
  tcsetattr(fd, TCSADRAIN, &lines);
}

HiddenLines::~HiddenLines() {
  tcsetattr(g_changed_fd, TCSADRAIN, &g_before);
  handle_endings(restore_and_die, SIG_DFL);
  forget();
}

}  // namespace caisson::cli
