// SPDX-License-Identifier: Apache-2.0

// A repository of this machine's that a clone is made of: looked at, never changed. A linked worktree, a submodule, a
// shallow clone and one that borrows objects are all the same to this: git itself is asked where things are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace caisson::clones {

struct Reference {
  std::string name;    // "refs/heads/main"
  std::string object;  // of a tag that is an object: the tag
};

struct Source {
  std::string folder;                 // the top of its working tree
  std::string common;                 // the repository itself, which its worktrees have in common
  std::string objects;                // its object folder
  std::string shallow;                // the file that says where its history is cut; it need not be there
  std::string format;                 // of object names: "sha1"
  std::string head;                   // the commit that is checked out; "" before the first one
  std::string branch;                 // its branch, "main"; "" where there is none (a detached HEAD)
  bool partial = false;               // it need not have all objects of its history itself
  std::vector<Reference> references;  // branches and tags
};

// `folder` is absolute and without links. Throws base::Error with the remedy for what can't be cloned: no repository,
// a bare one, a folder in one.
Source look_at_source(const std::string& folder);

// How many files of its working tree are not as in `head`, or not in it: what a clone does not have. Of those that are
// ignored nothing is said.
uint64_t uncommitted_files(const Source& source);

// The branch that the commits of the sandbox `name` come back on: "caisson/NAME".
std::string branch_of_sandbox(const std::string& name);
// Throws base::Error with the remedy where the repository can't get that branch, or has one with other commits.
void check_branch_is_free(const Source& source, const std::string& name);

}  // namespace caisson::clones
