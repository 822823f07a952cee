// SPDX-License-Identifier: Apache-2.0

// The commands that run now, by the number under which the host signals and resizes them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/fd.h"
#include "link/event.h"
#include "link/services.h"

namespace caisson::guest {

struct Execution {
  uint64_t id = 0;
  pid_t pid = -1;  // also its session and process group
  base::Fd pidfd;
  base::Fd terminal;   // the master, when it has one
  bool ended = false;  // reaped: `pid` may be another's now

  // To the command's process group. On a terminal, what a terminal's keys send goes to the group in the foreground, and
  // what ends the session goes to both.
  void signal(int number) const;
};

class Executions {
 public:
  // `ended` is notified when a command is not among them any more.
  explicit Executions(link::Event& ended) : ended_(ended) {}

  uint64_t next_id() { return ++last_id_; }
  void add(std::shared_ptr<Execution> execution) { running_[execution->id] = std::move(execution); }
  void remove(uint64_t id) {
    running_.erase(id);
    ended_.notify_all();
  }
  // Throws base::Error when no such command runs.
  Execution& at(uint64_t id) const;
  void signal_all(int number) const;
  // The leaders of those that have a terminal.
  std::vector<pid_t> on_terminals() const;
  bool empty() const { return running_.empty(); }

 private:
  link::Event& ended_;
  std::map<uint64_t, std::shared_ptr<Execution>> running_;
  uint64_t last_id_ = 0;
};

}  // namespace caisson::guest
