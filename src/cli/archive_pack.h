// SPDX-License-Identifier: Apache-2.0

// A file or folder of this machine as a tar stream (pax), for `cp` into a sandbox.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace caisson::cli {

struct PackOptions {
  std::string path;          // what to pack
  std::string name;          // what its top entry is called; "." packs a folder's content
  bool follow_link = false;  // when `path` itself is a symbolic link: what it points to
  int output = 1;
};

// Whether a symbolic link at `path` itself is followed.
bool follows_top(const PackOptions& options);

// Symbolic links are packed as links, and hard links to the same file as hard links. Returns what was left out, in
// words: sockets, pipes and devices. Throws base::Error.
std::vector<std::string> pack(const PackOptions& options);

}  // namespace caisson::cli
