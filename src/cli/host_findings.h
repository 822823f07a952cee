// SPDX-License-Identifier: Apache-2.0

// What is found on a host when it is looked at, before anybody says what that means (cli/host_check.h).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sys/wall.h"

namespace caisson::cli {

// subuid(5), subgid(5).
struct SubordinateIds {
  std::string path;
  std::string text;  // "" where there is no such file
};

struct HostFindings {
  bool root = false;
  std::string user;  // the user's name, or number where there is no name
  std::string uid;
  std::function<std::string(const std::string& name)> find_program;  // as base::find_program
  std::string no_seccomp;                                            // why; "" where there is
  int landlock_version = 0;
  std::string no_landlock;                   // why, where the version is none
  std::optional<std::string> no_namespaces;  // why; "" where they can be made, nothing where it could not be tried
  std::vector<SubordinateIds> subordinate_ids;
  sys::Wall cgroup_wall;  // of a group as a sandbox would get it
};

// This host's.
HostFindings look_at_host();

}  // namespace caisson::cli
