// SPDX-License-Identifier: Apache-2.0

// Unpacking a tar archive. Runs in a process of its own (`caisson-init tar-put`), which may block.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace caisson::guest {

struct PutPlan {
  std::string folder;          // exists; nothing is made outside it, whatever the archive or the folder hold
  std::string rename;          // the archive's top entry gets this name; "" keeps it
  bool top_is_folder = false;  // the archive's top entry must be a folder
  uid_t uid = 0;               // the owner of all that is made
  gid_t gid = 0;
};

// Reads the archive from `in`. A file replaces what has its name, a folder is merged into the one that is there.
// Throws.
void tar_put(const PutPlan& plan, int in);

// The parts of an entry's path below the plan's folder. Throws for "..".
std::vector<std::string> put_path(std::string_view entry_path, std::string_view rename);

}  // namespace caisson::guest
