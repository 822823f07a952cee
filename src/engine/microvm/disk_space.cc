// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/disk_space.h"

#include "base/disk_space.h"

namespace caisson::engine::microvm {
namespace {

// Below a page cache's worth of writes nothing gets on.
constexpr base::Bytes kFull = base::mebibytes(2);

constexpr const char* kWhat = "a template";
constexpr const char* kMakeRoom = "free some disk space, or set XDG_CACHE_HOME to a folder on a larger disk";

}  // namespace

bool is_full(base::Bytes free) {
  return free < kFull;
}

void require_space(const std::string& folder, base::Bytes needed) {
  base::require_space(folder, needed, kWhat, kMakeRoom);
}

base::Error no_space_left(const std::string& folder, base::Bytes free, base::Bytes needed) {
  return base::no_space_left(folder, free, needed, kWhat, kMakeRoom);
}

}  // namespace caisson::engine::microvm
