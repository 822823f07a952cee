// SPDX-License-Identifier: Apache-2.0

#include "base/disk_space.h"

#include <sys/statvfs.h>

#include "base/error.h"

namespace caisson::base {

Bytes free_space(const std::string& folder) {
  struct statvfs status {};
  if (::statvfs(folder.c_str(), &status) != 0) throw system_error("cannot look at", folder);
  return Bytes{static_cast<uint64_t>(status.f_bavail) * status.f_frsize};
}

}  // namespace caisson::base
