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

int run_one(const std::string& sandbox, const Setup& setup, const std::string& command) {
  link::ExecRequest request;
  request.argv = {"/bin/sh", "-c", command};
  request.user = setup.user;
  request.folder = setup.folder;
  request.keep_stdin = false;
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

Setup setup_of(const std::optional<Configuration>& configuration, const Prepared& prepared) {
  if (!configuration) return {};
  return {.commands = configuration->wishes.setup, .folder = configuration->folder, .user = prepared.image_user};
}

int run_setup(keeper::Client& first, const std::string& sandbox, const Setup& setup) {
  first.request("GET", "/v1/configured");
  for (size_t i = 0; i < setup.commands.size(); ++i) {
    const std::string which = fmt::format("{} of {}", i + 1, setup.commands.size());
    const std::string command = config::plain_quoted(setup.commands[i]);
    warn(fmt::format("setting up, {}: {}", which, command));
    if (const int code = run_one(sandbox, setup, setup.commands[i]); code != 0) {
      warn(fmt::format("the set-up command {} ended with exit code {}, and the sandbox's own was not run: {}", which,
                       code, command));
      return code;
    }
  }
  return 0;
}

}  // namespace caisson::cli
