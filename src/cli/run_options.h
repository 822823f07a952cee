// SPDX-License-Identifier: Apache-2.0

// The options of `run` as they were typed, and the spec they make.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agents/definition.h"
#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/workspace_options.h"
#include "gate/policy_build.h"
#include "spec/sandbox_spec.h"

namespace caisson::cli {

struct RunOptions {
  std::string name;
  std::string image;
  std::string engine;
  std::string cpus;
  std::string memory;
  std::string disk;
  std::string pids;
  std::string timeout;
  std::vector<std::string> environment;
  std::vector<std::string> environment_files;
  std::vector<std::string> ports;
  std::vector<std::string> workspaces;
  std::vector<std::string> masks;
  std::vector<std::string> unmasks;
  std::string net;
  std::vector<std::string> allow;
  std::vector<std::string> deny;
  std::string net_rate;
  std::string net_total;
  std::string net_connections;
  std::string user;
  std::string folder;
  bool interactive = false;
  bool tty = false;
  bool detach = false;
  bool keep = false;
  bool no_config = false;
  bool ask = false;  // the agent's own questions
};

// Adds the options to `command`; they are written into `options`, which must outlive it.
void declare_run_options(CLI::App& command, RunOptions& options);

// What the process has besides its options.
struct Surroundings {
  bool stdin_is_terminal = false;
  bool stdout_is_terminal = false;
  const char* (*variable)(const char*) = nullptr;  // getenv(3)
  uint64_t random = 0;                             // for a name, when none was given
  Standing standing = {};
  // The workspaces, where they were made of the options before: what was looked at then must not be another by now.
  std::optional<std::vector<spec::Workspace>> workspaces = {};
  const agents::Definition* agent = nullptr;     // what is run, where it is no command
  const Configuration* configuration = nullptr;  // of the folder, accepted; what the options say comes before it
};

// Throws base::Error that names the option.
spec::SandboxSpec make_spec(const RunOptions& options, const Tail& tail, const Surroundings& surroundings);

// What the sandbox's network may reach: of the options, the policy file, the folder's configuration, and for the groups
// this machine's settings and the git remotes of its workspaces (groups.h). Throws base::Error that names the option.
gate::BuiltPolicy make_policy(const RunOptions& options, const std::vector<spec::Workspace>& workspaces,
                              const Surroundings& surroundings);
// The policy file's limits where the options are silent.
void apply_network(spec::SandboxSpec& spec, const gate::BuiltPolicy& built);

// getenv(3) of this process, as a pointer of that type.
const char* own_variable(const char* name);

// "K=V" entries from files and options, in this order; of several values for one key the last counts.
std::vector<std::string> read_environment(const std::vector<std::string>& files,
                                          const std::vector<std::string>& entries,
                                          const char* (*variable)(const char*));

}  // namespace caisson::cli
