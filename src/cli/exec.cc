// SPDX-License-Identifier: Apache-2.0

// caisson exec: one more command in a running sandbox.

#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "cli/command.h"
#include "cli/run_options.h"
#include "cli/session.h"
#include "keeper/client.h"
#include "link/services.h"

namespace caisson::cli {
namespace {

constexpr const char* kExecDetails =
    "The exit code is the command's; 124 when the sandbox's time limit ended it, 125 when caisson failed, 126 when\n"
    "the command cannot be executed, 127 when it is not found, 128 + N when signal N ended it.\n"
    "On a terminal, ctrl-p ctrl-q leaves it running; it cannot be come back to, and what it writes then is lost.\n"
    "\n"
    "Examples:\n"
    "  caisson exec web ls -l /\n"
    "  caisson exec -it web bash\n"
    "  caisson exec -u root -w /srv web -- ./install";

struct ExecOptions {
  std::string name;
  std::vector<std::string> environment;
  std::vector<std::string> environment_files;
  std::string user;
  std::string folder;
  bool interactive = false;
  bool tty = false;
};

// Where the user is, when that is in a workspace of the sandbox's.
std::string folder_of(const ExecOptions& options, const spec::SandboxSpec& spec) {
  if (!options.folder.empty()) return options.folder;
  return spec::place_in_guest(spec.workspaces, own_standing().folder).value_or(spec.command.folder);
}

int exec(const ExecOptions& options, const Tail& tail) {
  if (tail.words.empty()) throw base::Error("no command was given", "caisson exec NAME COMMAND");
  const bool piped = !is_terminal(0);
  if (options.tty && options.interactive && piped) throw base::Error("stdin is not a terminal", "leave out -t");
  const keeper::Sandbox sandbox = keeper::read_sandbox(options.name);
  link::ExecRequest request;
  request.argv = tail.words;
  request.environment = read_environment(options.environment_files, options.environment, own_variable);
  request.user = options.user.empty() ? sandbox.spec.command.user : options.user;
  request.folder = folder_of(options, sandbox.spec);
  request.keep_stdin = options.interactive || piped;
  const TerminalSize size = own_terminal_size();
  if (options.tty) request.tty = link::TtySize{size.rows, size.columns};
  // What would not pass as a sandbox's command doesn't pass here.
  spec::SandboxSpec checked = sandbox.spec;
  checked.command.argv = request.argv;
  checked.command.user = request.user;
  checked.command.folder = request.folder;
  checked.environment = request.environment;
  spec::validate(checked);
  return run_session(
      keeper::Client::connect(sandbox).upgrade("POST", "/v1/exec", link::to_json(request), kStreamWithin),
      {.sandbox = options.name, .id = "", .send_input = request.keep_stdin, .tty = options.tty, .size = size});
}

}  // namespace

void add_exec_command(CLI::App& app, Tail& tail) {
  CLI::App& command = add_command(
      app, {"exec", "[OPTIONS] NAME COMMAND [ARGUMENT…]", "run a command in a running sandbox", kExecDetails});
  const auto options = std::make_shared<ExecOptions>();
  command.add_option("name", options->name, "the sandbox")->required();
  add_list_option(command, "--env,-e", options->environment, "environment: KEY=VALUE, or KEY to pass it on",
                  "KEY[=VALUE]");
  add_list_option(command, "--env-file", options->environment_files, "file of KEY=VALUE lines", "FILE");
  command.add_option("--user,-u", options->user, "user or uid[:gid] inside (default: as in run)")->type_name("USER");
  command
      .add_option("--workdir,-w", options->folder,
                  "folder inside (default: where you are in its workspace, else as in run)")
      ->type_name("PATH");
  command.add_flag("--interactive,-i", options->interactive, "pass on what is typed");
  command.add_flag("--tty,-t", options->tty, "give the command a terminal");
  command.callback([options, &tail] { throw Exit{exec(*options, tail)}; });
}

}  // namespace caisson::cli
