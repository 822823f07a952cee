// SPDX-License-Identifier: Apache-2.0

// Landlock (Documentation/userspace-api/landlock.rst of the kernel): a process gives up access to the file system, TCP,
// abstract sockets and signals to others, except what the rules name. Rules belong to files, not to path names, so a
// ruleset made by the parent also holds behind the child's bind mounts. A descriptor opened before, or by somebody
// else, keeps its rights.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"

namespace caisson::sys {

// The kernel's Landlock ABI version; 0 where there is none.
int landlock_abi();

struct LandlockRules {
  base::Fd ruleset;
  int abi = 0;
};

// Everything that this kernel's ABI can forbid is forbidden, but for reading and executing beneath `readable` (files or
// folders; those that don't exist are left out). Throws base::Error where the kernel has no Landlock.
LandlockRules make_landlock_rules(const std::vector<std::string>& readable);

// Also allows reading the file, or all files and folders beneath the folder, that `descriptor` is open on.
void allow_reading_beneath(const LandlockRules& rules, int descriptor);
// Also allows listing folders beneath the one that `descriptor` is open on, and making, writing, moving and removing
// files, folders, links, pipes and sockets there; of a file, writing it. Reading the files is another right.
void allow_changing_beneath(const LandlockRules& rules, int descriptor);

// Child side: also allows reading the file `path`. Returns 0 or an errno.
int allow_reading_file(int ruleset, const char* path);

// Child side, after no_new_privs: binds this process and all it starts. Returns 0 or an errno.
int restrict_by_landlock(int ruleset);

}  // namespace caisson::sys
