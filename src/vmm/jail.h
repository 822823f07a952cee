// SPDX-License-Identifier: Apache-2.0

// The second wall: a program (QEMU) starts in here with nothing but what it needs, so that a guest that has taken it
// over has gained nothing. Parts, in the order in which the child puts them up:
//
//   user, mount, pid, network, ipc, uts and cgroup namespaces; a user that is nobody outside; an empty read-only root
//   with only the program, its libraries and data; lowered rlimits; no capabilities; no_new_privs; Landlock; a seccomp
//   filter with a Broker.
//
// The parent gives it an oom score before it is executed, and a cgroup before it uses its last grant. Where the host
// doesn't let an ordinary user have namespaces (Ubuntu's AppArmor, a sysctl; host_forbids()) the program starts without
// them and the wall says so. Every other failure ends the start, and root's always does: who may do everything lacks
// namespaces by a mistake. Without no_new_privs, empty capability sets, Landlock or seccomp nothing starts. Root's
// jailed program is never root outside.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/process.h"
#include "sys/cgroup.h"
#include "sys/wall.h"
#include "vmm/broker.h"

namespace caisson::vmm {

struct JailPlan {
  std::string program;                           // absolute
  std::vector<std::string> arguments;            // with argv[0]
  std::vector<std::string> environment;          // "K=V"; nothing else is in the program's environment
  std::vector<std::pair<int, int>> descriptors;  // ours → number inside, below 100; 0 to 2 not named here are /dev/null
  std::vector<std::string> visible;              // absolute host paths that can be read inside
  // Numbers in `descriptors` of regular files that the program can only open by name: /proc/self/fd/NUMBER works
  // inside. (There is no /proc in the jail: they are copied into its root.)
  std::vector<int> reopened;
  std::vector<Grant> grants;      // what it may open for writing
  int pretend_fallocate_fd = -1;  // see jail_filter()
  std::string cgroup_name;        // "" = no cgroup
  sys::CgroupLimits limits;
  base::Bytes largest_file{0};  // that it can write (RLIMIT_FSIZE); 0: as large as it likes
  // From when its jail stands until it was executed and has used its last grant.
  std::chrono::milliseconds timeout{30'000};
};

struct Jailed {
  sys::Cgroup cgroup;  // goes after the child
  base::Child child;
  sys::Wall wall;
};

// Starts it; returns when it was executed and every grant is used, so that nothing is brokered any more. Throws
// base::Error with the step that failed. `explain` is called when the program ends before that, for what to say about
// it (its stderr). The child gets SIGKILL when the calling *thread* ends.
Jailed start_jailed(JailPlan plan, const std::function<std::string()>& explain);

}  // namespace caisson::vmm
