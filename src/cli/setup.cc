// SPDX-License-Identifier: Apache-2.0

#include "cli/setup.h"

#include <fmt/format.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/session.h"
#include "config/effects.h"
#include "keeper/record.h"
#include "link/services.h"

namespace caisson::cli {
namespace {

constexpr int kStderr = 2;
constexpr int kFirstSignal = 128;  // and its number: the exit code of what a signal has ended

// In the user's own settings in the sandbox, so that those of a repository in it come first, as they do outside. $1 and
// $2 may be empty.
constexpr const char* kSetIdentity =
    "command -v git >/dev/null || exit 0; test -z \"$1\" || git config --global -- user.name \"$1\" || exit; "
    "test -z \"$2\" || git config --global -- user.email \"$2\"";

link::ExecRequest request_of(std::vector<std::string> argv, const std::string& user, const std::string& folder) {
  link::ExecRequest request;
  request.argv = std::move(argv);
  request.user = user;
  request.folder = folder;
  request.keep_stdin = false;
  return request;
}

int run_one(const std::string& sandbox, const Setup& setup, const link::ExecRequest& request) {
  std::shared_ptr<keeper::Upgraded> questions = setup.ask ? questions_of(sandbox) : nullptr;
  keeper::Client client = keeper::Client::connect(keeper::read_sandbox(sandbox));
  return run_session(std::move(client).upgrade("POST", "/v1/exec", link::to_json(request)),
                     {.sandbox = sandbox,
                      .id = "",
                      .send_input = false,
                      .tty = false,
                      .size = own_terminal_size(),
                      .output = kStderr,
                      .may_leave = false,
                      .questions = std::move(questions)});
}

}  // namespace

Setup setup_of(const std::optional<Configuration>& configuration, const std::optional<agents::Agent>& agent,
               const Prepared& prepared) {
  Setup setup;
  if (configuration) {
    setup.commands = configuration->wishes.setup;
    setup.folder = configuration->folder;
    setup.user = prepared.image_user;
  }
  if (agent && agent->definition.import_git) {
    setup.git = own_git_identity();
    setup.git_user = prepared.spec.command.user;
  }
  return setup;
}

int run_setup(keeper::Client& first, const std::string& sandbox, const Setup& setup) {
  first.request("GET", "/v1/configured");
  if (!setup.git.name.empty() || !setup.git.email.empty()) {
    const link::ExecRequest identity =
        request_of({"/bin/sh", "-c", kSetIdentity, "sh", setup.git.name, setup.git.email}, setup.git_user, "/");
    const int code = run_one(sandbox, setup, identity);
    if (code > kFirstSignal) return code;  // interrupted
    if (code != 0) warn("git in the sandbox does not know your name and address");
  }
  for (size_t i = 0; i < setup.commands.size(); ++i) {
    const std::string which = fmt::format("{} of {}", i + 1, setup.commands.size());
    const std::string command = config::plain_quoted(setup.commands[i]);
    warn(fmt::format("setting up, {}: {}", which, command));
    const link::ExecRequest request = request_of({"/bin/sh", "-c", setup.commands[i]}, setup.user, setup.folder);
    if (const int code = run_one(sandbox, setup, request); code != 0) {
      warn(fmt::format("the set-up command {} ended with exit code {}, and the sandbox's own was not run: {}", which,
                       code, command));
      return code;
    }
  }
  return 0;
}

}  // namespace caisson::cli
