// SPDX-License-Identifier: Apache-2.0

// What caisson-share keeps while it serves: the files beneath the shared folder, and nothing else of this machine.
#pragma once

#include "share/server.h"

namespace caisson::share {

// No capabilities, no_new_privs, Landlock (reading, in mode rw also changing beneath options.root), a seccomp filter.
// For this process, which must have one thread, for good. Throws base::Error where a part can't be had.
void confine(const ShareOptions& options);

}  // namespace caisson::share
