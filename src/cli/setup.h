// SPDX-License-Identifier: Apache-2.0

// What is done in a new sandbox before its own command, which waits: the set-up commands of a folder's configuration,
// and what an agent gets of the user's settings.
#pragma once

#include <string>
#include <vector>

#include "cli/agent_run.h"
#include "cli/prepare.h"
#include "keeper/client.h"

namespace caisson::cli {

struct Setup {
  std::vector<std::string> commands = {};  // each for /bin/sh -c
  std::string folder = {};                 // in the sandbox: of the configuration's file
  std::string user = {};                   // the image's own, whoever the command runs as
  bool ask = false;                        // about the network, on this terminal
  // For the agent's git, which the command's user gets before the commands, in silence.
  GitIdentity git = {};
  std::string git_user = {};

  bool empty() const { return commands.empty() && git.name.empty() && git.email.empty(); }
};
// Of the folder's configuration and of the agent.
Setup setup_of(const std::optional<Configuration>& configuration, const std::optional<agents::Agent>& agent,
               const Prepared& prepared);

// `first` is the first connection to the sandbox's keeper, which was launched with wait_for_attach and
// end_with_client: one that is left in the middle ends. What the commands write goes to stderr, with a line before
// each. Returns 0 when all of them have ended well; else the exit code of the one that did not, which has been said.
// Throws base::Error when the sandbox did not start.
int run_setup(keeper::Client& first, const std::string& sandbox, const Setup& setup);

}  // namespace caisson::cli
