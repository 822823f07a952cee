// SPDX-License-Identifier: Apache-2.0

// caisson policy learn: run a command with everything public allowed, and write down what it connected to.
//
// The sandbox is kept for a moment after its command: what it connected to is in its record then, however it ended.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/scope.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/ending.h"
#include "cli/prepare.h"
#include "cli/run_options.h"
#include "cli/session.h"
#include "cli/setup.h"
#include "gate/learned_policy.h"
#include "keeper/client.h"
#include "keeper/kept_changes.h"
#include "keeper/launch.h"

namespace caisson::cli {
namespace {

using base::Error;

constexpr std::chrono::seconds kStopLimit{10};
constexpr const char* kDefaultFile = "caisson-policy.toml";

constexpr const char* kLearnDetails =
    "The command runs in a new sandbox with the network 'open': everything public. At its end a policy file is "
    "written\n"
    "that allows the hosts and ports it connected to, and no others. Look it over, then use it with 'run --net FILE'.\n"
    "What 'open' refused (private addresses, above all) is in its comments; --allow lets the command reach it.\n"
    "\n"
    "The exit code is the command's, 125 when caisson failed. With '-o -' the file goes to stdout, and what the "
    "command\n"
    "writes to its stdout goes to stderr.\n"
    "\n"
    "Examples:\n"
    "  caisson policy learn -- make test\n"
    "  caisson policy learn -o deps.toml --image node -- npm ci\n"
    "  caisson run --net ./caisson-policy.toml -- make test";

struct LearnOptions {
  RunOptions run;
  std::string output = kDefaultFile;
  bool force = false;
  bool merge = false;

  bool to_stdout() const { return output == "-"; }
};

Error exists(const std::string& path) {
  return Error("the file " + base::in_quotes(path) + " exists", "choose another with -o, or replace it with --force");
}

// What would be found out at the end, when the command has run for minutes.
void check(const LearnOptions& options) {
  if (!options.run.net.empty())
    throw Error("policy learn takes no --net: it learns what the command uses when everything public is allowed",
                "--allow and --deny change that");
  if (options.run.detach) throw Error("policy learn waits for the command's end", "leave out -d");
  if (options.to_stdout()) return;
  if (!options.force && ::access(options.output.c_str(), F_OK) == 0) throw exists(options.output);
  const size_t slash = options.output.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : options.output.substr(0, slash + 1);
  if (::access(folder.c_str(), W_OK) != 0) throw base::system_error("cannot write", options.output);
}

void write_file(const LearnOptions& options, const std::string& text) {
  if (options.to_stdout()) return base::write_all(1, text, "stdout");
  if (options.force) return base::write_file_atomic(options.output, text, 0644);
  const base::Fd file(::open(options.output.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file && errno == EEXIST) throw exists(options.output);
  if (!file) throw base::system_error("cannot write", options.output);
  try {
    base::write_all(file.get(), text, options.output);
  } catch (const Error&) {
    ::unlink(options.output.c_str());
    throw;
  }
}

// The learned file is not lost where it can't be written.
void write_down(const LearnOptions& options, const keeper::State& state) {
  const std::string text =
      gate::learned_policy(state.uses, state.refusals, options.merge ? gate::Merge::kYes : gate::Merge::kNo);
  try {
    write_file(options, text);
  } catch (const Error&) {
    base::write_all(2, text, "stderr");
    throw;
  }
  if (!options.to_stdout())
    warn(fmt::format("wrote {} (look it over, then: caisson run --net {} …)", base::in_quotes(options.output),
                     options.output.find('/') == std::string::npos ? "./" + base::escaped(options.output)
                                                                   : base::escaped(options.output)));
}

void remove(const std::string& name) {
  const keeper::Sandbox sandbox = keeper::read_sandbox(name);
  stop_sandbox(sandbox, kStopLimit);
  const keeper::Sandbox rests = keeper::read_sandbox(name);
  // What it has changed is looked at first, as after `run`.
  if (keeper::changes_in_words(rests.state.changes).empty()) keeper::remove_sandbox(rests);
}

int run(Prepared prepared, const LearnOptions& options, const Setup& setup) {
  SessionOptions session = main_session(prepared.spec);
  session.output = options.to_stdout() ? 2 : 1;
  session.may_leave = false;
  keeper::Client client(launch({.claim = std::move(prepared.claim), .wait_for_attach = true, .end_with_client = true},
                               std::move(prepared.signals)));
  if (!setup.empty()) {
    if (const int code = run_setup(client, prepared.spec.name, setup); code != 0) return code;
  }
  return run_session(std::move(client).upgrade("POST", "/v1/attach"), session);
}

int learn(const LearnOptions& options, const Tail& tail) {
  check(options);
  RunOptions open = options.run;
  open.net = "open";
  auto [spec, network, configuration, agent] = wished(open, tail);
  // What is learned is to be looked over, and then to stay so.
  if (!options.to_stdout()) check_place_of_rules("the policy file", options.output, spec.workspaces, own_standing());
  spec.remove_at_end = false;
  Prepared prepared = prepare_sandbox(
      spec, {.name_is_made_up = open.name.empty(), .may_be_idle = false, .policy = std::move(network.policy)});
  const std::string name = prepared.spec.name;
  base::Scope removed([&] {
    if (open.keep || is_gone(name)) return;
    try {
      remove(name);
    } catch (const Error& error) {
      warn(error.what());
    }
  });
  const Setup setup = setup_of(configuration, agent, prepared);
  const int code = run(std::move(prepared), options, setup);
  if (is_gone(name)) return code;  // it could not be started at all
  stop_sandbox(keeper::read_sandbox(name), kStopLimit);
  const keeper::State state = keeper::read_sandbox(name).state;
  // A command that never started has taught nothing.
  if (state.stages_us.contains("started")) write_down(options, state);
  return code;
}

}  // namespace

void add_policy_learn_command(CLI::App& policy, Tail& tail) {
  CLI::App& command = add_command(policy, {"policy learn", "[OPTIONS] -- COMMAND [ARGUMENT…]",
                                           "run a command and write down what its network needs", kLearnDetails});
  const auto options = std::make_shared<LearnOptions>();
  command.add_option("--output,-o", options->output, "the file to write (default: caisson-policy.toml); -: stdout")
      ->type_name("FILE");
  command.add_flag("--force", options->force, "replace the file when it exists");
  command.add_flag("--merge", options->merge,
                   "a star for four or more names below one, every port of a public host with several");
  declare_run_options(command, options->run);
  command.callback([options, &tail] { throw Exit{learn(*options, tail)}; });
}

}  // namespace caisson::cli
