// SPDX-License-Identifier: Apache-2.0

// What a commit checks out.
#pragma once

#include <string>
#include <vector>

#include "clones/git.h"

namespace caisson::clones {

struct TreeEntry {
  enum class Kind : uint8_t { kFile, kSubmodule };
  Kind kind = Kind::kFile;
  std::string object;
  std::string path;  // from the repository's top
};

// Files, links and submodules of a commit, each once. Throws base::Error where two entries have one path, or one is in
// what is no folder: what is checked out would then depend on who looks. `git` says where; its arguments are set.
std::vector<TreeEntry> list_tree(GitCall git, const std::string& commit, const std::string& doing);

}  // namespace caisson::clones
