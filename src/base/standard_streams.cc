// SPDX-License-Identifier: Apache-2.0

#include "base/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace caisson::base {

void open_standard_streams() noexcept {
  for (int standard = 0; standard <= 2; ++standard) {
    if (::fcntl(standard, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is given, and all below are taken. Not close-on-exec: no standard descriptor is.
    if (::open("/dev/null", O_RDONLY) != standard) ::_exit(125);
  }
}

}  // namespace caisson::base
