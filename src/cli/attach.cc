// SPDX-License-Identifier: Apache-2.0

// caisson attach: back to a running sandbox's main command.

#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/session.h"
#include "keeper/client.h"

namespace caisson::cli {
namespace {

constexpr const char* kAttachDetails =
    "What the command wrote before is in 'caisson logs'. On a terminal, ctrl-p ctrl-q leaves it running; the exit code "
    "is\n"
    "the command's.";

base::Error has_ended(const keeper::Sandbox& sandbox) {
  const keeper::State& state = sandbox.state;
  std::string what = base::in_quotes(sandbox.name) + " has ended";
  if (state.exit_code) what += " with exit code " + std::to_string(*state.exit_code);
  if (!state.reason.empty()) what += ": " + base::escaped(state.reason);
  return base::Error(what, "`caisson logs " + sandbox.name + "` shows what it wrote, `caisson start " + sandbox.name +
                               "` boots it again");
}

int attach(const std::string& name) {
  const keeper::Sandbox sandbox = keeper::read_sandbox(name);
  if (sandbox.state.status != keeper::Status::kRunning) throw has_ended(sandbox);
  const bool asks = keeper::read_policy(sandbox.folder).fallback() == gate::Default::kAsk;
  SessionOptions session = main_session(sandbox.spec);
  // `run` without -i leaves what is typed to the shell behind it, as docker does; who attaches has to come away again.
  session.read_keys = true;
  if (asks && is_terminal(0) && is_terminal(2)) session.questions = questions_of(name);
  return run_session(keeper::Client::connect(sandbox).upgrade("POST", "/v1/attach", {}, kStreamWithin), session);
}

}  // namespace

void add_attach_command(CLI::App& app) {
  CLI::App& command = add_command(app, {"attach", "NAME", "go back to a sandbox's main command", kAttachDetails});
  const auto name = std::make_shared<std::string>();
  command.add_option("name", *name, "the sandbox")->required();
  command.callback([name] { throw Exit{attach(*name)}; });
}

}  // namespace caisson::cli
