// SPDX-License-Identifier: Apache-2.0

// A FUSE server for one folder or file of this machine's.
//
// The kernel of a guest is its client, and may send anything. What it reaches is the folder, by names beneath open
// descriptors; never a link's target, never a path. See node_table.h (what a file is), masks.h (what is absent),
// confinement.h (what the process may do at all).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"

namespace caisson::share {

enum class Mode : uint8_t { kReadOnly, kReadWrite };

struct ShareLimits {
  size_t nodes = size_t{2} << 20;  // that the guest may know
  size_t descriptors = 0;          // of the process; 0: as RLIMIT_NOFILE says
  size_t watches = 16384;          // folders whose changes are announced
  size_t lock_waiters = 64;
  size_t threads = 4;
  size_t baseline_bytes = size_t{64} << 20;
};

struct ShareOptions {
  base::Fd channel = {};   // a stream socket, or /dev/fuse
  base::Fd root = {};      // O_PATH, a folder or a regular file
  base::Fd baseline = {};  // append only; may be none
  Mode mode = Mode::kReadOnly;
  std::vector<std::string> masks = {};
  std::vector<std::string> unmask = {};
  std::vector<std::string> own = {};  // paths that are masked whatever else is said
  int64_t started_ns = 0;  // files that changed from then on are in the baseline log once the guest opens them
  ShareLimits limits = {};
};

// Serves until the channel ends; 0 then, 1 where the guest broke the protocol (said on stderr). Throws base::Error for
// options that can't be served. Sets this process's umask to 0 in mode rw, and has SIGPIPE and SIGXFSZ ignored.
int serve(ShareOptions options);

}  // namespace caisson::share
