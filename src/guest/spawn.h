// SPDX-License-Identifier: Apache-2.0

// Starting a process inside the sandbox, cheaply: clone3(2) with CLONE_VM | CLONE_VFORK, straight into its cgroup.
// Copying init's page tables, and moving a process between cgroups after its birth, each cost more than all the rest
// under an emulated CPU.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "guest/anchors.h"

namespace caisson::guest {

struct SpawnPlan {
  std::vector<std::string> argv;
  std::vector<std::string> candidates;  // files to execute: the first that exists is taken
  int program = -1;                     // a descriptor to execute instead of `candidates`
  std::vector<std::string> environment;
  std::string folder;           // chdir there, as the user
  bool folder_is_home = false;  // if that fails, "/" does
  bool change_user = true;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  int in = -1;  // become 0, 1 and 2
  int out = -1;
  int err = -1;
  int listener = -1;      // becomes 3, with LISTEN_FDS and LISTEN_PID as of sd_listen_fds(3)
  bool terminal = false;  // `in` is the terminal that becomes the controlling one
  int cgroup = -1;        // the folder of the cgroup (v2) it is born in
  int oom_score_adj = 0;
  bool all_files = false;  // keep init's own limit of open files (for the Docker Engine)
};

// A step before the program ran failed. `step` is what was being done; errnum() says why.
class SpawnError : public base::Error {
 public:
  enum class Step { kProcess, kSetUp, kFolder, kExecute };
  SpawnError(Step step, const std::string& problem, int errnum) : base::Error(problem, {}, errnum), step_(step) {}
  Step step() const { return step_; }

 private:
  Step step_;
};

struct Spawned {
  pid_t pid = -1;
  base::Fd pidfd;
};

// A child from before its birth: spawn() stands still until the child executes, which can be never, and what is to be
// done about it is another thread's. Owns the pidfd until that is taken.
class Birth {
 public:
  Birth() = default;
  ~Birth();
  Birth(const Birth&) = delete;
  Birth& operator=(const Birth&) = delete;

  // 0 before the child is made. Written by the kernel before the child can run, so none ends that is not known here.
  pid_t pid() const { return pid_.load(); }
  // SIGKILL; a child that is not made yet will not be, unless that begins in this moment.
  void kill();
  // After spawn() has returned.
  Spawned take();

 private:
  friend void spawn(const Anchors& anchors, const SpawnPlan& plan, Birth& birth);

  std::atomic<bool> unwanted_ = false;
  std::atomic<pid_t> pid_ = 0;
  std::atomic<int> pidfd_ = -1;  // valid once there is a pid
};

// In its own session, default signals, umask 022. Throws SpawnError; a child that could not execute has ended then, and
// is left to be reaped. From any thread.
void spawn(const Anchors& anchors, const SpawnPlan& plan, Birth& birth);

}  // namespace caisson::guest
