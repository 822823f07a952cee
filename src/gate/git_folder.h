// SPDX-License-Identifier: Apache-2.0

// Finds the folder that has a workspace's git configuration, and reads files of it.
//
// A repository's .git is a folder, or in a worktree and a submodule a file that names one elsewhere. The workspace's
// files are the sandbox's to change, so the folder that is named must know the workspace: otherwise a .git file could
// have the settings of any other repository read.
#pragma once

#include <optional>
#include <string>

namespace caisson::gate {

// The absolute path of the folder with the file `config`. Nothing where the workspace is not the top of a repository.
// Throws a base::Error where .git is what is not followed.
std::optional<std::string> find_git_folder(const std::string& workspace);

// The content of a folder's file that is a regular one and no link. Nothing where there is none; throws a base::Error.
std::optional<std::string> read_git_file(const std::string& folder, const std::string& name, size_t max_bytes);

}  // namespace caisson::gate
