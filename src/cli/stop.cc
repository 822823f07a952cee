// SPDX-License-Identifier: Apache-2.0

// caisson stop: end sandboxes in good order.

#include <chrono>
#include <memory>

#include "cli/command.h"
#include "cli/ending.h"
#include "spec/sandbox_spec.h"

namespace caisson::cli {

void add_stop_command(CLI::App& app) {
  CLI::App& command = add_command(
      app, {"stop", "[OPTIONS] NAME…", "stop running sandboxes",
            "Processes get SIGTERM, and SIGKILL when the time is over. The disk is kept: 'caisson start'."});
  struct Options {
    std::vector<std::string> names;
    std::string time = "10s";
  };
  const auto options = std::make_shared<Options>();
  command.add_option("names", options->names, "the sandboxes")->required();
  command.add_option("--time,-t", options->time, "how long to wait before SIGKILL (default: 10s)")->type_name("TIME");
  command.callback([options] {
    const std::chrono::seconds patience = spec::parse_duration(options->time);
    throw Exit{for_each_name(options->names,
                             [&](const std::string& name) { stop_sandbox(keeper::read_sandbox(name), patience); })};
  });
}

}  // namespace caisson::cli
