// SPDX-License-Identifier: Apache-2.0

// What the groups of a network policy stand for, for a sandbox with these workspaces.
#pragma once

#include <string>
#include <vector>

#include "cli/workspace_options.h"
#include "gate/registries.h"
#include "spec/workspace.h"

namespace caisson::cli {

// This machine's package managers' settings, without what a sandbox could have written: each of its workspaces, and the
// current folder, which may have been one's before (unless so much else is in it that nobody shares it by being there).
gate::RegistrySources registry_sources(const std::vector<spec::Workspace>& workspaces, const Standing& standing);

// @registries. May execute npm and waits for look-ups.
gate::GroupRules registries(const std::vector<spec::Workspace>& workspaces, const Standing& standing);

// @git: the remotes of the first workspace that is a folder, or of the current folder where there is none.
gate::GroupRules git_remotes(const std::vector<spec::Workspace>& workspaces, const Standing& standing);

}  // namespace caisson::cli
