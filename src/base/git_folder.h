// SPDX-License-Identifier: Apache-2.0

// Finds a working tree's git repository without git, and reads files of it.
//
// A repository's .git is a folder, or in a worktree and a submodule a file that names one elsewhere. Who can write to
// the working tree can write that file, so the folder that is named must know the working tree: otherwise it could name
// any other repository.
#pragma once

#include <optional>
#include <string>

namespace caisson::base {

// Both are absolute and without links.
struct GitFolders {
  std::string own;     // of the working tree: HEAD and index are in it
  std::string common;  // of the repository: configuration, references and objects; but for a linked worktree the same
};

// Nothing where `tree` is not the top of a working tree. Throws Error where .git is what is not followed.
std::optional<GitFolders> find_git_folders(const std::string& tree);

// The content of a folder's file that is a regular one and no link. Nothing where there is none; throws Error.
std::optional<std::string> read_git_file(const std::string& folder, const std::string& name, size_t max_bytes);

}  // namespace caisson::base
