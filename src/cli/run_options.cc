// SPDX-License-Identifier: Apache-2.0

#include "cli/run_options.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/agent_run.h"
#include "cli/groups.h"
#include "gate/policy_file.h"

namespace caisson::cli {
namespace {

using base::Error;
using base::in_quotes;

constexpr size_t kMaxEnvironmentFileBytes = 1U << 20;

unsigned parse_count(const std::string& option, const std::string& text) {
  const auto count = base::parse_number<unsigned>(text);
  if (!count) throw Error(option + " is " + in_quotes(text), "give a whole number");
  return *count;
}

// Runs a parser that doesn't know for which option it works.
template <typename Parse>
auto for_option(const char* option, Parse parse) {
  try {
    return parse();
  } catch (const Error& error) {
    throw error.within(option);
  }
}

std::string key_of(const std::string& entry) {
  return entry.substr(0, entry.find('='));
}

void set(std::vector<std::string>& environment, std::string entry) {
  std::erase_if(environment, [key = key_of(entry)](const std::string& other) { return key_of(other) == key; });
  environment.push_back(std::move(entry));
}

spec::Command make_command(const RunOptions& options, const Tail& tail, const Surroundings& surroundings) {
  const agents::Definition* agent = surroundings.agent;
  if (options.ask && agent == nullptr) throw Error("--ask is for agents", "leave it out");
  if (agent == nullptr && !tail.words.empty() && !tail.separated) {
    throw Error("there is no agent " + in_quotes(tail.words[0]), "to run a command put -- before it: caisson run -- " +
                                                                     base::escaped(tail.words[0]) +
                                                                     " …; caisson agent ls lists the agents");
  }
  if (options.detach && options.interactive) throw Error("-d and -i do not go together", "leave one of them out");
  if (options.tty && options.interactive && !surroundings.stdin_is_terminal) {
    throw Error("stdin is not a terminal", "leave out -t");
  }
  spec::Command command;
  command.argv = agent != nullptr ? agent_command(*agent, options.ask, tail) : tail.words;
  command.user = options.user;
  command.folder = options.folder;
  command.tty = options.tty;
  command.keep_stdin = !options.detach && (options.interactive || !surroundings.stdin_is_terminal);
  // Somebody sits before an agent, where there is a terminal.
  if (agent != nullptr && !options.detach && surroundings.stdin_is_terminal && surroundings.stdout_is_terminal)
    command.tty = command.keep_stdin = true;
  return command;
}

void set_limits(spec::SandboxSpec& spec, const RunOptions& options) {
  if (!options.cpus.empty()) spec.cpus = parse_count("--cpus", options.cpus);
  if (!options.memory.empty()) {
    spec.memory = for_option("--memory", [&] { return base::parse_bytes(options.memory); });
  }
  if (!options.disk.empty()) spec.disk = for_option("--disk", [&] { return base::parse_bytes(options.disk); });
  if (!options.pids.empty()) spec.pids = parse_count("--pids", options.pids);
  if (!options.timeout.empty()) {
    spec.timeout = for_option("--timeout", [&] { return spec::parse_duration(options.timeout); });
  }
}

void set_network(spec::Network& network, const RunOptions& options) {
  if (!options.net_rate.empty())
    network.bytes_per_second = for_option("--net-rate", [&] { return base::parse_bytes(options.net_rate); });
  if (!options.net_total.empty())
    network.total = for_option("--net-total", [&] { return base::parse_bytes(options.net_total); });
  if (!options.net_connections.empty()) network.connections = parse_count("--net-connections", options.net_connections);
}

void append(std::vector<std::string>& to, const std::vector<std::string>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

void set_workspaces(spec::SandboxSpec& spec, const RunOptions& options, const Surroundings& surroundings) {
  const Standing& standing = surroundings.standing;
  spec.workspaces = surroundings.workspaces ? *surroundings.workspaces : make_workspaces(options.workspaces, standing);
  if (spec.workspaces.empty()) return;
  spec.masks = spec::default_masks();
  spec.unmasks = spec::default_unmasks();
  if (const Configuration* configuration = surroundings.configuration) {
    append(spec.masks, configuration->wishes.masks);
    // What is unmasked is seen whatever masks it, so the folder's are not put beside masks that the user has typed.
    if (options.masks.empty()) append(spec.unmasks, configuration->wishes.unmasks);
    if (spec.command.folder.empty()) spec.command.folder = wished_folder(*configuration);
  }
  append(spec.masks, options.masks);
  append(spec.unmasks, options.unmasks);
  if (spec.command.folder.empty()) spec.command.folder = begin_folder(spec.workspaces, standing);
}

// Its variables are beneath the folder's, its image, where it names one, is not.
void set_agent(spec::SandboxSpec& spec, const agents::Definition& agent, bool ask) {
  if (agent.image != agents::Definition().image) spec.image = agent.image;
  std::vector<std::string> environment = agent_environment(agent, ask);
  for (std::string& entry : spec.environment) set(environment, std::move(entry));
  spec.environment = std::move(environment);
}

void set_environment(spec::SandboxSpec& spec, const RunOptions& options, const Surroundings& surroundings) {
  for (std::string& entry : read_environment(options.environment_files, options.environment, surroundings.variable))
    set(spec.environment, std::move(entry));
}

}  // namespace

void declare_run_options(CLI::App& command, RunOptions& options) {
  command.add_option("--name", options.name, "name of the sandbox (default: one is made up)")
      ->type_name("NAME")
      ->check([](const std::string& name) { return name.empty() ? "the name is empty" : ""; }, "");
  command.add_option("--image", options.image, "its root file system (default: base)")->type_name("IMAGE");
  command.add_option("--engine", options.engine, "how it is isolated (default: the strongest that works here)")
      ->type_name("ENGINE");
  command.add_option("--cpus", options.cpus, "processors (default: 2)")->type_name("N");
  command.add_option("--memory,-m", options.memory, "memory (default: 2G)")->type_name("SIZE");
  command.add_option("--disk", options.disk, "disk (default: 16G)")->type_name("SIZE");
  command.add_option("--pids", options.pids, "processes at a time, 0: no limit (default: 4096)")->type_name("N");
  command.add_option("--timeout", options.timeout, "end the command after this time: 90 (seconds), 15m, 1h30m")
      ->type_name("TIME");
  add_list_option(command, "--env,-e", options.environment, "environment: KEY=VALUE, or KEY to pass it on",
                  "KEY[=VALUE]");
  add_list_option(command, "--env-file", options.environment_files, "file of KEY=VALUE lines", "FILE");
  add_list_option(command, "--publish,-p", options.ports,
                  "make a port reachable from this machine: [IP:][PORT:]PORT_INSIDE", "PORT");
  command
      .add_option("--net", options.net,
                  "its network: none, locked, balanced, ask, open, or a policy file (default: locked)")
      ->type_name("PRESET|FILE");
  add_list_option(command, "--allow", options.allow,
                  "let it reach a host: [udp:]HOST[:PORT][ METHOD PATH], @registries or @git", "RULE");
  add_list_option(command, "--deny", options.deny, "never let it reach a host, whatever allows it", "RULE");
  command.add_option("--net-rate", options.net_rate, "bytes a second, both ways together")->type_name("SIZE");
  command.add_option("--net-total", options.net_total, "bytes in all, both ways together")->type_name("SIZE");
  command.add_option("--net-connections", options.net_connections, "connections at a time (default: 4096)")
      ->type_name("N");
  add_list_option(command, "--workspace,-w", options.workspaces,
                  "share a folder or file with it: HOST[:GUEST][:overlay|ro|rw|clone], or none (default: this folder)",
                  "FOLDER");
  add_list_option(command, "--mask", options.masks,
                  "names that it never sees there, besides .env*, *.pem and their like", "GLOB");
  add_list_option(command, "--unmask", options.unmasks, "names that it sees all the same", "GLOB");
  command.add_option("--user,-u", options.user, "user or uid[:gid] inside (default: the image's)")->type_name("USER");
  command
      .add_option("--workdir", options.folder,
                  "folder inside (default: where you are in the workspace, else the user's home)")
      ->type_name("PATH");
  command.add_flag("--interactive,-i", options.interactive, "pass on what is typed");
  command.add_flag("--tty,-t", options.tty, "give the command a terminal");
  command.add_flag("--detach,-d", options.detach, "leave it running, print its name");
  command.add_flag("--keep", options.keep, "keep the sandbox when its command has ended");
  command.add_flag("--ask", options.ask, "let an agent ask before it acts, as it does outside");
  command.add_flag("--no-config", options.no_config, "leave the folder's .caisson.toml out");
}

spec::SandboxSpec make_spec(const RunOptions& options, const Tail& tail, const Surroundings& surroundings) {
  spec::SandboxSpec spec;
  spec.name = options.name.empty() ? spec::generate_name(surroundings.random) : options.name;
  if (surroundings.configuration != nullptr) set_wishes(spec, *surroundings.configuration);
  if (surroundings.agent != nullptr) set_agent(spec, *surroundings.agent, options.ask);
  if (!options.image.empty()) spec.image = options.image;
  if (!options.engine.empty()) spec.engine = options.engine;
  set_limits(spec, options);
  set_environment(spec, options, surroundings);
  for (const std::string& port : options.ports) spec.ports.push_back(spec::parse_port(port));
  if (surroundings.configuration != nullptr) add_wished_ports(spec.ports, *surroundings.configuration);
  set_network(spec.network, options);
  spec.command = make_command(options, tail, surroundings);
  set_workspaces(spec, options, surroundings);
  spec.remove_at_end = !options.keep && !options.detach;
  spec::validate(spec);
  return spec;
}

gate::BuiltPolicy make_policy(const RunOptions& options, const std::vector<spec::Workspace>& workspaces,
                              const Surroundings& surroundings) {
  const Standing& standing = surroundings.standing;
  gate::PolicyWish wish;
  if (surroundings.configuration != nullptr) wish.folder = surroundings.configuration->wishes.network;
  // A preset has a plain name; everything else names a file.
  const bool is_file = options.net.find('/') != std::string::npos || options.net.ends_with(".toml");
  if (is_file) {
    wish.file = for_option("--net", [&] {
      check_place_of_rules("the policy file", options.net, workspaces, standing);
      return gate::read_policy_file(options.net);
    });
  }
  if (!is_file && !options.net.empty()) wish.preset = options.net;
  if (surroundings.agent != nullptr) wish.agent = agent_network(*surroundings.agent);
  wish.allow = options.allow;
  wish.deny = options.deny;
  wish.registries = [&] { return registries(workspaces, standing); };
  wish.git = [&] { return git_remotes(workspaces, standing); };
  return gate::build_policy(wish);
}

void apply_network(spec::SandboxSpec& spec, const gate::BuiltPolicy& built) {
  spec.network.preset = built.preset;
  if (built.bytes_per_second && spec.network.bytes_per_second.count == 0)
    spec.network.bytes_per_second = *built.bytes_per_second;
  if (built.total && spec.network.total.count == 0) spec.network.total = *built.total;
  if (built.connections && spec.network.connections == spec::Network().connections)
    spec.network.connections = *built.connections;
}

const char* own_variable(const char* name) {
  return getenv(name);
}

std::vector<std::string> read_environment(const std::vector<std::string>& files,
                                          const std::vector<std::string>& entries,
                                          const char* (*variable)(const char*)) {
  std::vector<std::string> environment;
  for (const std::string& file : files) {
    const std::string text = for_option("--env-file", [&] { return base::read_file(file, kMaxEnvironmentFileBytes); });
    for (std::string& entry : spec::parse_environment_file(text, file)) set(environment, std::move(entry));
  }
  for (const std::string& text : entries) {
    if (auto entry = spec::parse_environment(text, variable)) set(environment, std::move(*entry));
  }
  return environment;
}

}  // namespace caisson::cli
