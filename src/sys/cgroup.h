// SPDX-License-Identifier: Apache-2.0

// A control group of its own for one process (cgroups(7)): limits of memory, processes and processor time. Works with
// the unified hierarchy (v2) where a part of it belongs to the user, and with v1 controllers where the user may write
// there (root). Where a limit can't be had, its WallPart says why; that is never an error.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "sys/wall.h"

namespace caisson::sys {

struct CgroupLimits {
  base::Bytes memory;        // with the page cache that its work fills
  unsigned pids = 0;         // processes and threads
  unsigned cpu_percent = 0;  // 100 = one processor
};

// Where a controller's hierarchy is mounted and which group of it this process is in; `v2` for the unified one.
struct CgroupPlace {
  std::string controller;  // "memory", "pids", "cpu"; "" for v2
  std::string folder;      // this process's group, absolute
  std::string mount;       // the hierarchy's top
};
// From the texts of /proc/self/mountinfo and /proc/self/cgroup. Pure.
std::vector<CgroupPlace> parse_cgroup_places(std::string_view mountinfo, std::string_view own_groups);

// Owns the group's folders; the destructor kills what is in them and removes them.
class Cgroup {
 public:
  // Makes "caisson-NAME" wherever this process may; one of that name that is left from before is emptied and used.
  static Cgroup create(const std::string& name, const CgroupLimits& limits);
  // The names of the groups that this process owns now. Any thread.
  static std::vector<std::string> own();
  // Kills and removes what create() made for `name` in a process that could not do it itself. Idempotent, never throws.
  static void remove(const std::string& name);
  // Removes the groups "caisson-PREFIX…" whose owner was killed: nobody holds the lock on their folder. False when one
  // is left in which a process still comes to its end. Never throws.
  static bool sweep(const std::string& prefix);

  Cgroup() = default;  // none
  Cgroup(Cgroup&& other) noexcept;
  Cgroup& operator=(Cgroup&& other) noexcept;
  ~Cgroup();

  // Moves a process in. What fails is taken out of the wall, with the reason.
  void add(pid_t pid);
  // SIGKILL to all in it.
  void kill() const;
  const Wall& wall() const { return wall_; }

 private:
  struct Folder {
    std::string path;
    std::vector<std::string> controllers;  // whose WallParts stand because of it
    base::Fd lock;                         // flock(2) on it for as long as it is owned: see sweep()
  };
  explicit Cgroup(std::string name);
  void disown();
  void make(const std::string& path, std::vector<std::string> controllers, const CgroupLimits& limits, bool v2);
  void part(const std::string& controller, bool stands, const std::string& detail);

  std::string name_;
  std::vector<Folder> folders_;
  Wall wall_;
};

}  // namespace caisson::sys
