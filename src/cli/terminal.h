// SPDX-License-Identifier: Apache-2.0

// The user's terminal: its size, its raw mode, and which decorations it can take.
#pragma once

#include <cstdint>
#include <optional>

namespace caisson::cli {

bool is_terminal(int fd);

// False for a job in the background: changing the terminal or reading from it would stop the job (SIGTTOU, SIGTTIN).
// Where the terminal is not this process's own, no jobs are told apart. Async-signal-safe.
bool may_use_terminal(int fd);

struct TerminalSize {
  uint16_t rows = 24;
  uint16_t columns = 80;
  bool operator==(const TerminalSize&) const = default;
};
// Nothing where `fd` is no terminal or does not know its size.
std::optional<TerminalSize> terminal_size(int fd);

// Whether colours may be written to `fd`: a terminal that is not "dumb", and NO_COLOR (https://no-color.org) is not
// set.
bool colours_wanted(int fd);

// Raw mode of a terminal for as long as the object lives: no echo, no line editing, no signals from keys. What was
// there before is put back by the destructor, and also when this process dies of a signal that it did not expect. One
// at a time.
class RawMode {
 public:
  // Throws base::Error when `fd` is not a terminal.
  explicit RawMode(int fd);
  ~RawMode();
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;

  // Raw again: after SIGCONT, when a shell has set its own mode in the meantime.
  void apply_again() const;
};

// For as long as the object lives, ctrl-q ends what is typed as enter does, and is no flow control: so the detach keys
// are read when they are pressed, and lines are still edited, shown and interrupted by the terminal. What was there
// before is put back as by RawMode, and only one of the two is alive at a time. A job in the background leaves the
// terminal alone.
class DetachableLines {
 public:
  // Throws base::Error when `fd` is not a terminal.
  explicit DetachableLines(int fd);
  ~DetachableLines();
  DetachableLines(const DetachableLines&) = delete;
  DetachableLines& operator=(const DetachableLines&) = delete;

  // After SIGCONT, as RawMode's.
  void apply_again() const;
};

inline constexpr char kCtrlC = 3;

// For as long as the object lives, what is typed is not shown. Lines are still edited by the terminal; ctrl-c ends one,
// as its last byte, and other keys send no signals. What was there before is put back as by RawMode, and also when
// SIGTERM or its like ends the process; only one of the three is alive at a time.
class HiddenLines {
 public:
  // Throws base::Error when `fd` is not a terminal.
  explicit HiddenLines(int fd);
  ~HiddenLines();
  HiddenLines(const HiddenLines&) = delete;
  HiddenLines& operator=(const HiddenLines&) = delete;
};

}  // namespace caisson::cli
