// SPDX-License-Identifier: Apache-2.0

// The wall around a process is made of parts, one per kernel mechanism. Each says whether it stands, for inspect and
// doctor.
#pragma once

#include <string>
#include <vector>

namespace caisson::sys {

struct WallPart {
  std::string name;  // "user namespace", "seccomp", "landlock", "cgroup memory", …
  bool stands = false;
  std::string detail;  // what it does here ("uid 65534 outside"), or why it does not stand
};

using Wall = std::vector<WallPart>;

}  // namespace caisson::sys
