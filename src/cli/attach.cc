// SPDX-License-Identifier: Apache-2.0

// caisson attach: back to a running sandbox's main command.

#include <memory>

#include "cli/command.h"
#include "cli/session.h"
#include "keeper/client.h"

namespace caisson::cli {
namespace {

constexpr const char* kDetails =
    "What the command wrote before is in 'caisson logs'. On a terminal, ctrl-p ctrl-q leaves it running; the exit code "
    "is\n"
    "the command's.";

int attach(const std::string& name) {
  const keeper::Sandbox sandbox = keeper::read_sandbox(name);
  const spec::Command& command = sandbox.spec.command;
  const bool asks = keeper::read_policy(sandbox.folder).fallback() == gate::Default::kAsk;
  const bool ask = asks && is_terminal(0) && is_terminal(2);
  return run_session(keeper::Client::connect(sandbox).upgrade("POST", "/v1/attach"),
                     {.sandbox = name,
                      .id = "main",
                      .send_input = command.keep_stdin,
                      .tty = command.tty,
                      .size = {command.rows, command.columns},
                      .ask = ask});
}

}  // namespace

void add_attach_command(CLI::App& app) {
  CLI::App& command = add_command(app, {"attach", "NAME", "go back to a sandbox's main command", kDetails});
  const auto name = std::make_shared<std::string>();
  command.add_option("name", *name, "the sandbox")->required();
  command.callback([name] { throw Exit{attach(*name)}; });
}

}  // namespace caisson::cli
