// SPDX-License-Identifier: Apache-2.0

// Whoever runs `npm install` for the first time is told of one host after the other, where one word allows all.
#pragma once

#include <string>
#include <vector>

#include "gate/rule.h"
#include "spec/workspace.h"

namespace caisson::cli {

// A line for the user where one of these is for a host of a package registry; else "". They are rules that would allow
// what was refused, or targets that no such rule would.
std::string registry_hint(const std::vector<std::string>& refused, const std::vector<gate::Rule>& registries);

// With the registries that this machine's settings name, which are read only where something was refused, and nothing
// in the sandbox's workspaces is. Nothing is executed: of npm's built-in registry there is no hint.
std::string own_registry_hint(const std::vector<std::string>& refused, const std::vector<spec::Workspace>& workspaces);

}  // namespace caisson::cli
