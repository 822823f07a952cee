// SPDX-License-Identifier: Apache-2.0

// The commits of a sandbox's clone, for the commands that look at what a sandbox has done and take it over.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/changes_target.h"
#include "clones/returned.h"

namespace caisson::cli {

struct FetchedClone {
  const ChosenWorkspace* chosen = nullptr;
  keeper::ChangesState state;
  std::vector<clones::Returned> repositories;
};
// Throws base::Error.
FetchedClone fetch_clone(ChangesTarget& target, const ChosenWorkspace& chosen);

// What they change, of the paths that were chosen; until `part` says no, and then false.
bool show_clone(const FetchedClone& clone, const std::vector<std::string>& options,
                const std::function<bool(std::string_view)>& part);
base::Json clone_to_json(const FetchedClone& clone, const std::string& sandbox);

// What is in the clone and not among its commits: a line of words each.
std::vector<std::string> notes_of_clone(const FetchedClone& clone, const std::string& sandbox);

struct ApplyClone {
  bool dry_run = false;
  bool force = false;  // the branch may lose commits
};
void apply_clone(ChangesTarget& target, const ChosenWorkspace& chosen, const ApplyClone& options);

}  // namespace caisson::cli
