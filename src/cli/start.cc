// SPDX-License-Identifier: Apache-2.0

// caisson start: boot stopped sandboxes with their disks.

#include <memory>

#include "cli/command.h"
#include "cli/ending.h"
#include "cli/prepare.h"
#include "keeper/client.h"
#include "keeper/launch.h"

namespace caisson::cli {
namespace {

void start(const std::string& name) {
  const keeper::Sandbox sandbox = keeper::read_sandbox(name);
  keeper::Client client(keeper::launch_keeper({.claim = keeper::claim_sandbox(sandbox)}));
  client.request("GET", "/v1/ready");
  warn_of_weaker_wall(name);
}

}  // namespace

void add_start_command(CLI::App& app) {
  CLI::App& command =
      add_command(app, {"start", "NAME…", "start stopped sandboxes again",
                        "The sandbox boots with the disk it had. Its first command is not run again: use\n"
                        "'caisson exec NAME COMMAND'."});
  const auto names = std::make_shared<std::vector<std::string>>();
  command.add_option("names", *names, "the sandboxes")->required();
  command.callback([names] { throw Exit{for_each_name(*names, start)}; });
}

}  // namespace caisson::cli
