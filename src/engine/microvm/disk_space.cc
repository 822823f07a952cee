// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/disk_space.h"

#include "base/disk_space.h"
#include "base/text.h"

namespace caisson::engine::microvm {
namespace {

// Below a page cache's worth of writes nothing gets on.
constexpr base::Bytes kFull = base::mebibytes(2);

constexpr const char* kMakeRoom = "free some disk space, or set XDG_CACHE_HOME to a folder on a larger disk";

}  // namespace

bool is_full(base::Bytes free) {
  return free < kFull;
}

void require_space(const std::string& folder, base::Bytes needed) {
  const base::Bytes free = base::free_space(folder);
  if (free < needed) throw no_space_left(folder, free, needed);
}

base::Error no_space_left(const std::string& folder, base::Bytes free, base::Bytes needed) {
  return base::Error("no space left for a template in " + base::in_quotes(folder) + ": " + base::to_string(needed) +
                         " are needed, " + base::to_string(free) + " are free",
                     kMakeRoom, ENOSPC);
}

}  // namespace caisson::engine::microvm
