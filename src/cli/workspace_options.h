// SPDX-License-Identifier: Apache-2.0

// From `-w` and the current folder to the workspaces of a spec: looks at what is on the disk.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "spec/sandbox_spec.h"

namespace caisson::cli {

// Where the user is.
struct Standing {
  std::string folder;  // the current folder, absolute and without links; "" when there is none any more
  std::string home;    // $HOME; "" when it is not set
};
Standing own_standing();

// `wishes` are the values of -w; none of them means the current folder, as an overlay at the same place. Throws
// base::Error with the way to say what was meant.
std::vector<spec::Workspace> make_workspaces(const std::vector<std::string>& wishes, const Standing& standing);

// Why nobody shares this folder by being in it, or "": much else is in it. `folder` and `home` are as in Standing.
std::string why_too_broad(const std::string& folder, const std::string& home);

// Throws where a file that opens the network (`what`: "the policy file") is one that a sandbox with these workspaces
// could write, or lead elsewhere: it would choose its own network in the next run. `path` is as it was typed.
void check_place_of_rules(std::string_view what, const std::string& path,
                          const std::vector<spec::Workspace>& workspaces, const Standing& standing);

// Where a command begins that was given no folder: where the user is when that is in a workspace, else the first
// workspace, else nowhere in particular ("").
std::string begin_folder(const std::vector<spec::Workspace>& workspaces, const Standing& standing);

}  // namespace caisson::cli
