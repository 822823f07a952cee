// SPDX-License-Identifier: Apache-2.0

// caisson stop: end sandboxes in good order.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "cli/command.h"
#include "cli/ending.h"
#include "link/services.h"
#include "spec/sandbox_spec.h"

namespace caisson::cli {
namespace {

// One that goes away with its end has no disk to lose anything on.
void tell_if_cut_off(const keeper::Sandbox& sandbox) {
  if (sandbox.state.status != keeper::Status::kRunning || ::access(sandbox.folder.c_str(), F_OK) != 0) return;
  const std::vector<std::string> notes = keeper::read_sandbox(sandbox.name).state.notes;
  if (std::find(notes.begin(), notes.end(), keeper::kCutOff) != notes.end())
    warn(sandbox.name + ": " + keeper::kCutOff);
}

std::chrono::seconds parse_patience(const std::string& text) {
  const std::chrono::seconds patience = spec::parse_duration(text);
  if (patience > link::kLongestPowerOff)
    throw base::Error("no sandbox gets longer than an hour to stop: " + base::in_quotes(text),
                      "give --time at most 1h");
  return patience;
}

void stop(const std::string& name, std::chrono::seconds patience) {
  const keeper::Sandbox sandbox = keeper::read_sandbox(name);
  stop_sandbox(sandbox, patience);
  tell_if_cut_off(sandbox);
}

}  // namespace

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
  command.add_option("--time,-t", options->time, "how long to wait before SIGKILL (default: 10s; at most 1h)")
      ->type_name("TIME");
  command.callback([options] {
    const std::chrono::seconds patience = parse_patience(options->time);
    throw Exit{for_each_name(options->names, [&](const std::string& name) { stop(name, patience); })};
  });
}

}  // namespace caisson::cli
