// SPDX-License-Identifier: Apache-2.0

// Commands timed from outside, as a user sees them: from before the fork to the exit.
//
// Every wait is also a wait for SIGINT, SIGTERM and SIGHUP, which are blocked as long as the Runner lives and end the
// wait by the exception Interrupted, so that the owners of sandboxes and daemons clean up on the way out. The commands
// are in sessions of their own: a Ctrl-C of the terminal reaches this program only.
#pragma once

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"

namespace caisson::bench {

using Argv = std::vector<std::string>;

// Not a base::Error: it is no failure of a run.
class Interrupted : public std::exception {
 public:
  explicit Interrupted(int number) : number_(number) {}
  const char* what() const noexcept override { return "interrupted"; }
  int number() const noexcept { return number_; }

 private:
  int number_;
};

// CLOCK_MONOTONIC, the clock of the keeper's stages.
int64_t monotonic_us();

struct Outcome {
  int64_t began_us = 0;
  int64_t ended_us = 0;
  base::ExitStatus status = {};
  std::string out = {};
  std::string err = {};

  double milliseconds() const { return static_cast<double>(ended_us - began_us) / 1000; }
};

class Runner {
 public:
  using Deadline = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kLimit{120};

  Runner();
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // Runs it to its end. A base::Error when it does not exit with 0, with what it wrote; or does not end within `limit`:
  // then it is killed.
  Outcome run(const Argv& argv, std::chrono::seconds limit = kLimit) const;
  // The same for all of them at once.
  std::vector<Outcome> run_at_once(const std::vector<Argv>& commands, std::chrono::seconds limit = kLimit) const;
  // For the way out: cannot be interrupted, and its failure is nobody's.
  void clean_up(const Argv& argv) const noexcept;

  // poll(2). False when the deadline has come.
  bool wait(std::vector<pollfd>& descriptors, Deadline deadline) const;
  // From here on signals do not end a wait any more: for the way out.
  void ignore_signals() { signals_.reset(); }
  // Time in which nothing is done, for what is measured at rest.
  void rest(std::chrono::seconds time) const;

 private:
  base::Fd signals_;
};

// One command that is talked with through its stdin and stdout.
class Dialogue {
 public:
  Dialogue(const Runner& runner, const Argv& argv);

  int64_t began_us() const { return began_us_; }
  // Waits until it has written `text`; an Error when it ends first.
  void say(const std::string& text);
  void expect(const std::string& text);
  // Closes its stdin and waits until it has ended with 0; microseconds between the two.
  int64_t finish();

 private:
  base::Error failure(const std::string& what);

  const Runner& runner_;
  Runner::Deadline deadline_;
  std::string program_;
  int64_t began_us_ = 0;
  base::Fd in_;
  base::Fd out_;
  base::Fd err_;
  std::string received_;
  base::Child child_;
};

}  // namespace caisson::bench
