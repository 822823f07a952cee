// SPDX-License-Identifier: Apache-2.0

// A working tree of this machine's that a clone is made of: looked at, never changed. A linked worktree, a submodule
// and a shallow clone are all the same to this.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/git_folder.h"
#include "clones/host_repository.h"

namespace caisson::clones {

struct Source {
  std::string folder;  // the top of the working tree
  std::string own;     // the folder of its HEAD and index
  HostRepository repository;
  std::string head;    // the commit that is checked out; "" before the first one
  std::string branch;  // its branch, "main"; "" where there is none (a detached HEAD)
};

// `folder` is absolute and without links; `scratch` is for what is needed as long as the Source is there. Throws
// base::Error with the remedy for what can't be cloned: no repository, a bare one, a folder in one, one that is not
// this folder's.
Source look_at_source(const std::string& folder, const std::string& scratch);

// How many files of its working tree are not as in `head`, or not in it: what a clone does not have. Of those that are
// ignored nothing is said. By their size and times; nothing where it can't be told.
std::optional<uint64_t> uncommitted_files(const Source& source);

// The branch that the commits of the sandbox `name` come back on: "caisson/NAME".
std::string branch_of_sandbox(const std::string& name);
// The commit that it is at, or "". Throws base::Error with the remedy where the repository can't get that branch: no
// name, another in its place, a symbolic reference, which would move what it names.
std::string look_at_branch(const HostRepository& repository, const std::string& name);
// Throws base::Error with the remedy where it can't get the branch, or has one with other commits.
void check_branch_is_free(const Source& source, const std::string& name);

}  // namespace caisson::clones
