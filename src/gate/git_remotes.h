// SPDX-License-Identifier: Apache-2.0

// @git: where the workspace's git remotes are.
//
// The repository's files are the sandbox's to change, so they are read by a parser of our own (git would run what a
// configuration names, and read what it includes), to a bound, through no link, and the rules are for the Internet
// only: no private address, no name of the local network, not this host. Who can write the configuration can still
// name any public host; docs/network.md says so.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gate/group_rules.h"

namespace caisson::gate {

inline constexpr size_t kMaxGitConfigBytes = 1U << 20;
inline constexpr size_t kMaxRemotes = 64;

// The remotes' url and pushurl: https and http, ssh, git, and USER@HOST:PATH. `workspace` "": there is none.
GroupRules git_rules(const std::string& workspace);

// The values of remote.*.url and remote.*.pushurl in a git configuration (git-config(1), "Syntax"), of the first
// kMaxRemotes + 1. Includes are not followed. Nothing where it is not one.
std::optional<std::vector<std::string>> remote_urls(std::string_view config);

}  // namespace caisson::gate
