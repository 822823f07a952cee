// SPDX-License-Identifier: Apache-2.0

// The sandbox's control groups (cgroup v2, Linux Documentation/admin-guide/cgroup-v2.rst):
//
//   /              init and what copies files: no limit, and nothing to freeze them by, which no other group could say
//   /engine        the Docker Engine and its shims: no limit either; apart, so that it can be frozen
//   /agent         everything of the user's: pids.max, memory.max
//   /agent/exec    the commands
//   /agent/docker  the containers (the engine's --cgroup-parent)
//
// So neither a fork bomb nor a memory hog, in a container or not, can keep init or the engine from working.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "base/fd.h"

namespace caisson::guest {

struct Counters {
  uint64_t oom_kills = 0;
  uint64_t pids_refused = 0;
};

class Cgroups {
 public:
  // Without groups: nothing is limited or counted, handles are -1.
  Cgroups() = default;
  // Makes them below `root` (the mounted cgroup2). Throws.
  static Cgroups make(const char* root);

  int exec() const { return exec_.get(); }
  int engine() const { return engine_.get(); }
  // The engine's processes stand still (cgroup.freeze), or run on. False without groups.
  bool freeze_engine(bool frozen) const;
  bool engine_is_frozen() const;
  // SIGKILL to all of them, frozen or not.
  void kill_engine() const;
  // 0: no limit.
  void limit_processes(uint64_t most);
  // Read before and after each command, so from files that are kept open.
  Counters counters() const;
  uint64_t processes() const;
  // The processes of the commands and all they started, containers not included.
  std::vector<pid_t> commands() const;

 private:
  base::Fd agent_;
  base::Fd exec_;
  base::Fd engine_;
  base::Fd memory_events_;  // agent's
  base::Fd pids_events_;    // agent's
  base::Fd exec_pids_events_;
};

}  // namespace caisson::guest
