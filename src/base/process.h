// SPDX-License-Identifier: Apache-2.0

// Child processes, each owned through a pidfd. No signal handlers and no SIGCHLD: a pidfd is readable when its process
// has ended, so it can be polled or given to an event loop.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"

namespace caisson::base {

// How a process ended (waitid(2)).
struct ExitStatus {
  int code = 0;    // exit code when `signal` is 0
  int signal = 0;  // the signal that ended it, else 0

  bool ok() const { return code == 0 && signal == 0; }
  // "exited with 3", "was ended by signal 9 (Killed)"
  std::string text() const;
};

// A running child. The destructor kills (SIGKILL) and reaps it unless it was waited for or released.
class Child {
 public:
  Child() = default;
  // Takes over a child of this process whose pidfd is `pidfd`.
  Child(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}
  Child& operator=(Child&& other) noexcept;
  ~Child();

  explicit operator bool() const { return static_cast<bool>(pidfd_); }
  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }
  // pidfd_send_signal(2); a process that has already ended is not an error.
  void signal(int number) const;
  // Waits for its end and reaps it.
  ExitStatus wait();
  // Leaves it running, unowned (a daemon that was started on purpose).
  void release();

 private:
  pid_t pid_ = -1;
  Fd pidfd_;
};

struct SpawnOptions {
  std::vector<std::string> argv;              // argv[0] is looked up in PATH when it has no slash
  std::vector<std::string> environment = {};  // "K=V"; empty: this process's own
  // Descriptor `first` of ours becomes number `second` of the child; all others are closed at exec. 0, 1 and 2 that are
  // not named here are /dev/null.
  std::vector<std::pair<int, int>> descriptors = {};
  std::string folder = {};      // chdir there first
  bool new_session = false;     // setsid(2): no controlling terminal
  bool die_with_parent = true;  // PR_SET_PDEATHSIG SIGKILL (of the thread that spawns)
  // Child side, the last thing before exec: gives rights up. Allocates nothing, throws nothing, and returns 0 or an
  // errno, which ends the start.
  std::function<int()> confine = {};
};

// Starts a program. A failure between fork and exec is thrown here, with the step and the errno that the child saw.
Child spawn(const SpawnOptions& options);

struct ProgramResult {
  ExitStatus status;
  std::string out;
  std::string err;  // the last 64 KiB
};

// Runs a program to its end and collects what it wrote (stdout at most `max_out` bytes).
ProgramResult run_program(const SpawnOptions& options, size_t max_out = 16U << 20);
// The same, and anything but exit 0 is an Error that names the program and quotes the last lines of its stderr.
std::string run_checked(const std::vector<std::string>& argv);

// The absolute path of a program in PATH (with the sbin folders added), or "".
std::string find_program(const std::string& name);

}  // namespace caisson::base
