// SPDX-License-Identifier: Apache-2.0

// The agent of a `run`: what its definition puts beneath the options.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agents/find.h"
#include "cli/command.h"
#include "gate/policy_file.h"

namespace caisson::cli {

// That of the first word, where no "--" stands before it; nothing where there is none of that name. Throws base::Error
// for a definition that cannot be used, and for one of which this version cannot make the sandbox.
std::optional<agents::Agent> agent_of(const Tail& tail);

// The command with its arguments: the user's, behind the agent's name in the tail, or the definition's.
std::vector<std::string> agent_command(const agents::Definition& agent, bool ask, const Tail& tail);
std::vector<std::string> agent_environment(const agents::Definition& agent, bool ask);
// Its hosts; the path is "agent NAME".
gate::PolicyFile agent_network(const agents::Definition& agent);

// The user's for git; "" where it is not set.
struct GitIdentity {
  std::string name = {};
  std::string email = {};
};
// Of the user's and the machine's settings for git, and not of those of any repository. Runs git.
GitIdentity own_git_identity();

}  // namespace caisson::cli
