// SPDX-License-Identifier: Apache-2.0

// What init must still reach after the agent, as root, removed, unmounted or overmounted everything: descriptors opened
// once, before anything of the user's runs. Serving an exec uses these and the program that is executed, nothing else.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.h"

namespace caisson::guest {

struct Anchors {
  base::Fd proc;        // the root of a procfs
  base::Fd pts;         // the root of a devpts, or empty where there is none
  base::Fd null;        // /dev/null, read and write
  base::Fd executable;  // this program
  base::Fd root;        // the root folder
  base::Fd disk;        // the root of the writable disk's file system, or empty
};

// Of the file system as it is now. Throws; a missing devpts only means that there are no terminals.
Anchors open_anchors();

// A file below an anchor, or nothing (and errno). Not through a mount: root can put a pipe over any file, and opening
// one waits.
base::Fd open_below(const base::Fd& folder, const char* path, int flags);
// The content of a small file below an anchor, "" when it cannot be read (kernel files: their absence is an answer).
std::string read_small(const base::Fd& folder, const char* path);
// Writes to an existing file; false (and errno) when that fails.
bool write_small(const base::Fd& folder, const char* path, std::string_view content);

}  // namespace caisson::guest
