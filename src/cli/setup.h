// SPDX-License-Identifier: Apache-2.0

// The set-up commands of a folder's configuration: run in a new sandbox, before its own command, which waits.
#pragma once

#include <string>
#include <vector>

#include "cli/prepare.h"
#include "keeper/client.h"

namespace caisson::cli {

struct Setup {
  std::vector<std::string> commands = {};  // each for /bin/sh -c
  std::string folder = {};                 // in the sandbox: of the configuration's file
  std::string user = {};                   // the image's own, whoever the command runs as
  bool ask = false;                        // about the network, on this terminal
};
Setup setup_of(const std::optional<Configuration>& configuration, const Prepared& prepared);

// `first` is the first connection to the sandbox's keeper, which was launched with wait_for_attach and
// end_with_client: one that is left in the middle ends. What the commands write goes to stderr, with a line before
// each. Returns 0 when all of them have ended well; else the exit code of the one that did not, which has been said.
// Throws base::Error when the sandbox did not start.
int run_setup(keeper::Client& first, const std::string& sandbox, const Setup& setup);

}  // namespace caisson::cli
