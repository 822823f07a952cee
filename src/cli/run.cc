// SPDX-License-Identifier: Apache-2.0

// caisson run: one sandbox for one command.

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/ending.h"
#include "cli/prepare.h"
#include "cli/run_options.h"
#include "cli/session.h"
#include "cli/setup.h"
#include "keeper/client.h"
#include "keeper/launch.h"

namespace caisson::cli {
namespace {

constexpr const char* kRunDetails =
    "The sandbox goes away with its command, unless --keep or -d is given. The exit code is the command's; 124 when\n"
    "--timeout ended it, 125 when caisson failed, 126 when the command cannot be executed, 127 when it is not found,\n"
    "128 + N when signal N ended it. With -i on a terminal, ctrl-p ctrl-q leaves it running.\n"
    "\n"
    "AGENT is an agent's name or the path of its definition (caisson agent ls); the words behind it are the agent's.\n"
    "It gets the hosts and variables that its definition names, a terminal where there is one, and your name for git.\n"
    "\n"
    "The network reaches what --net and --allow say. A RULE is [tcp:|udp:]HOST[:PORT[-PORT]]; HOST is a name, *.NAME\n"
    "(one label more), **.NAME (any number), an address or a network (10.0.0.0/8). Rules that deny win.\n"
    "\n"
    "What the folder's .caisson.toml says counts where no option says otherwise. What it gives a sandbox beyond the\n"
    "defaults is asked for, once for each state of the file: see 'caisson trust --help'. --no-config leaves it out.\n"
    "\n"
    "Examples:\n"
    "  caisson run -- make test                   a command, its exit code and its output\n"
    "  caisson run -it                            a shell\n"
    "  caisson run shell                          an agent: so far the one that is a shell\n"
    "  tar c . | caisson run -- tar x             stdin is passed when it is no terminal\n"
    "  caisson run -w .:clone -- ./agent          in a git clone of this folder; its commits come back as a branch\n"
    "  caisson run -d --name web -p 8080:80       a sandbox that stays: caisson exec web …";

constexpr std::chrono::seconds kSetUpStopLimit{10};

struct SetUp {
  Setup setup;
  bool keep = false;  // a sandbox whose set-up failed, too
};

bool allows_a_group(const config::FolderConfig& wishes) {
  return wishes.network && std::any_of(wishes.network->allow.begin(), wishes.network->allow.end(),
                                       [](const auto& what) { return std::holds_alternative<gate::GroupName>(what); });
}

// A keeper that answers has removed what it could not start; one that died has left it.
template <typename Function>
auto or_discard(const std::string& folder, Function ask) {
  try {
    return ask();
  } catch (const keeper::ApiError& error) {
    if (error.http_status() == 0) keeper::discard_unstarted(folder);
    throw;
  }
}

// 0, or what the run ends with. The sandbox is one that ends with `client` until this has returned 0.
int set_up(keeper::Client& client, const std::string& folder, const spec::SandboxSpec& spec, const SetUp& how) {
  const int code = or_discard(folder, [&] { return run_setup(client, spec.name, how.setup); });
  if (code == 0) return 0;
  if (how.keep) {
    stop_sandbox(keeper::read_sandbox(spec.name), kSetUpStopLimit);
    warn(fmt::format("'{}' stays, stopped", spec.name));
  } else {
    abandon_sandbox(spec.name);
  }
  return code;
}

int run_detached(Prepared prepared, const SetUp& how) {
  const std::string folder = prepared.claim.folder;
  const bool sets_up = !how.setup.empty();
  keeper::Client client(
      launch({.claim = std::move(prepared.claim), .wait_for_attach = sets_up, .end_with_client = sets_up},
             std::move(prepared.signals)));
  if (sets_up) {
    if (const int code = set_up(client, folder, prepared.spec, how); code != 0) return code;
    client.request("POST", "/v1/detach");
    // The command starts when the client that it waits for has gone.
    client = keeper::Client::connect(keeper::read_sandbox(prepared.spec.name));
  }
  or_discard(folder, [&] { return client.request("GET", "/v1/ready"); });
  warn_of_weaker_wall(prepared.spec.name);
  fmt::print("{}\n", prepared.spec.name);
  return 0;
}

int run_in_foreground(Prepared prepared, bool ask, const SetUp& how) {
  const std::string folder = prepared.claim.folder;
  const bool sets_up = !how.setup.empty();
  const bool ends_with_client = prepared.spec.remove_at_end;
  keeper::Client client(launch(
      {.claim = std::move(prepared.claim), .wait_for_attach = true, .end_with_client = ends_with_client || sets_up},
      std::move(prepared.signals)));
  if (sets_up) {
    if (const int code = set_up(client, folder, prepared.spec, how); code != 0) return code;
    if (!ends_with_client) client.request("POST", "/v1/detach");
  }
  SessionOptions session = main_session(prepared.spec);
  if (ask) session.questions = questions_of(prepared.spec.name);
  keeper::Upgraded upgraded = or_discard(folder, [&] { return std::move(client).upgrade("POST", "/v1/attach"); });
  return run_session(std::move(upgraded), session);
}

// What asks needs somebody to answer.
void check_asking(const RunOptions& options) {
  if (options.detach)
    throw base::Error("this network asks on the terminal, and with -d there is none",
                      "leave out -d, or name what it "
                      "may reach: --net locked --allow RULE");
  if (!is_terminal(0) || !is_terminal(2))
    throw base::Error("this network asks on the terminal, and stdin or stderr is none",
                      "run it on a terminal, or name "
                      "what it may reach: --net locked --allow RULE");
}

int run(const RunOptions& options, const Tail& tail) {
  auto [spec, network, configuration, agent] = wished(options, tail);
  const bool ask = network.policy.fallback() == gate::Default::kAsk;
  if (ask) check_asking(options);
  // Of a preset's own groups nothing is said: a machine need not have every package manager.
  const bool asked = std::any_of(options.allow.begin(), options.allow.end(),
                                 [](const std::string& rule) { return rule.starts_with('@'); }) ||
                     (options.net.empty() && configuration && allows_a_group(configuration->wishes));
  for (const std::string& note : asked ? network.notes : std::vector<std::string>()) warn(base::escaped(note));
  Prepared prepared = prepare_sandbox(
      spec,
      {.name_is_made_up = options.name.empty(), .may_be_idle = options.detach, .policy = std::move(network.policy)});
  SetUp how{.setup = setup_of(configuration, agent, prepared), .keep = options.keep};
  how.setup.ask = ask;
  return options.detach ? run_detached(std::move(prepared), how) : run_in_foreground(std::move(prepared), ask, how);
}

}  // namespace

void add_run_command(CLI::App& app, Tail& tail) {
  CLI::App& command = add_command(app, {"run", "[OPTIONS] AGENT [ARGUMENT…]|-- COMMAND [ARGUMENT…]",
                                        "run a command or an agent in a new sandbox", kRunDetails});
  const auto options = std::make_shared<RunOptions>();
  declare_run_options(command, *options);
  command.callback([options, &tail] { throw Exit{run(*options, tail)}; });
}

}  // namespace caisson::cli
