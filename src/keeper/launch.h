// SPDX-License-Identifier: Apache-2.0

// Starting a sandbox's keeper, and what the keeper's process runs.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "keeper/record.h"

namespace caisson::keeper {

struct LaunchOptions {
  Claim claim;  // from NewSandbox::commit or claim_sandbox; handed to the keeper
  // The main command starts only when POST /v1/attach has come on the returned connection, so that nothing of its
  // output is missed.
  bool wait_for_attach = false;
  // A foreground run that is not kept: when the returned connection closes without POST /v1/detach (the
  // client crashed, the terminal was closed, the user insisted), the sandbox ends.
  bool end_with_client = false;
  // One that is started to be looked at: at its end it stays, whatever is found in it. A look removes nothing.
  bool stays = false;
};

// Starts `caisson keeper …` from our own executable in a session of its own, not dying with this process, with
// keeper.log as its stderr; returns our end of its first API connection. Errors of the sandbox's start come on that
// connection: as the answer to GET /v1/ready, or as a kError frame after POST /v1/attach. A sandbox whose first start
// fails before its machine was there is removed.
base::Fd launch_keeper(LaunchOptions options);

// `caisson keeper ARGUMENTS`, run by launch_keeper only: main() hands over everything behind "keeper". Returns when the
// sandbox has ended; SIGTERM stops it.
int keeper_main(const std::vector<std::string>& arguments);

// For `rm --force` and `stop` when the keeper does not answer: SIGKILL to the keeper of a running sandbox (its VMM dies
// with it), then waits until the lock is free. Nothing is signalled but a process that is this sandbox's keeper.
void kill_keeper(const Sandbox& sandbox);

}  // namespace caisson::keeper
