// SPDX-License-Identifier: Apache-2.0

// A pseudo-terminal (pty(7)), opened through the devpts that init holds, so that it can be made when /dev is gone.
#pragma once

#include <sys/types.h>

#include "base/fd.h"
#include "guest/anchors.h"
#include "link/services.h"

namespace caisson::guest {

struct Pty {
  base::Fd master;  // non-blocking
  base::Fd slave;   // the user's own; becomes a command's controlling terminal
};

// Throws base::Error.
Pty open_pty(const Anchors& anchors, link::TtySize size, uid_t owner);

void resize_pty(const base::Fd& master, link::TtySize size);

// The process group in the terminal's foreground, or 0.
pid_t foreground_group(const base::Fd& master);

}  // namespace caisson::guest
