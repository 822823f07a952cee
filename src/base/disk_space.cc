// SPDX-License-Identifier: Apache-2.0

#include "base/disk_space.h"

#include <sys/statvfs.h>

#include <cerrno>

#include "base/text.h"

namespace caisson::base {

Bytes free_space(const std::string& folder) {
  struct statvfs status {};
  if (::statvfs(folder.c_str(), &status) != 0) throw system_error("cannot look at", folder);
  return Bytes{static_cast<uint64_t>(status.f_bavail) * status.f_frsize};
}

void require_space(const std::string& folder, Bytes needed, const std::string& what, const std::string& remedy) {
  const Bytes free = free_space(folder);
  if (free < needed) throw no_space_left(folder, free, needed, what, remedy);
}

Error no_space_left(const std::string& folder, Bytes free, Bytes needed, const std::string& what,
                    const std::string& remedy) {
  return Error("no space left for " + what + " in " + in_quotes(folder) + ": " + to_string(needed) + " are needed, " +
                   to_string(free) + " are free",
               remedy, ENOSPC);
}

}  // namespace caisson::base
