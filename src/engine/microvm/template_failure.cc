// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/template_failure.h"

#include <algorithm>

#include "base/disk_space.h"
#include "base/text.h"

namespace caisson::engine::microvm {
namespace {

// The base image's template has less than 400 MiB of RAM touched, whatever its memory is; the rest is room for what
// the guest touches and gives back while it boots.
constexpr base::Bytes kMostMemoryTouched = base::mebibytes(512);
// The disk with its file system, the overlay and the device state.
constexpr base::Bytes kOtherFiles = base::mebibytes(64);
// Below a page cache's worth of writes nothing gets on.
constexpr base::Bytes kFull = base::mebibytes(2);

constexpr const char* kMakeRoom = "free some disk space, or set XDG_CACHE_HOME to a folder on a larger disk";

}  // namespace

base::Bytes space_for_template(base::Bytes memory) {
  return base::Bytes{std::min(memory, kMostMemoryTouched).count + kOtherFiles.count};
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

bool is_full(base::Bytes free) {
  return free < kFull;
}

base::Error ended_early(std::string_view how) {
  std::string remedy;
  if (how.find("signal 9") != how.npos)
    remedy =
        "something killed it: see `dmesg` for the kernel's out-of-memory killer, and give less with --memory; then run "
        "the command again";
  if (how.find("signal 7") != how.npos)
    remedy = "its memory could not be read or written: see `dmesg` for errors of the cache's disk";
  return base::Error("the template's machine ended before it was complete: " + std::string(how), std::move(remedy));
}

}  // namespace caisson::engine::microvm
