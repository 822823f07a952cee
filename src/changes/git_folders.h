// SPDX-License-Identifier: Apache-2.0

// What of a repository's own folder git runs programs from. A few names are known to be data: what commits, branches
// and the user's place among them are made of. All else is asked for: hooks and configuration, the files that say where
// another repository is, lists of commands that an interrupted rebase goes on with, and what a later git may add.
//
// A folder is a repository's own by its name, ".git", or by what is in it: git takes any folder with a HEAD and objects
// for a bare repository, and obeys its configuration.
#pragma once

#include <string>
#include <string_view>

#include "changes/change_set.h"

namespace caisson::changes {

enum class GitPart : uint8_t {
  kData,
  kIndex,      // data where flaw_of_index() has nothing to say
  kMachinery,  // all else
};

// `path` is from the repository's own folder on, in lower case; "" is that folder.
GitPart part_of_git(std::string_view path);

// Adds Class::kGit to the changes in repositories' own folders that no name tells: in bare repositories that are on the
// host, or will be there, or that the workspace lies in; and to an index that names more than files of a working tree.
// `set` is all of a workspace's, not a choice. Reads the host's files, changes nothing.
void classify_repositories(ChangeSet& set, const HostRoot& root, const Received& received);

}  // namespace caisson::changes
