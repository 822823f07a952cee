// SPDX-License-Identifier: Apache-2.0

#include "cli/prepare.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/paths.h"
#include "base/random.h"
#include "cli/agent_run.h"
#include "cli/clone_making.h"
#include "cli/interruption.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "engine/registry.h"
#include "gate/ca.h"
#include "gate/host_authorities.h"
#include "gate/proxy.h"
#include "image/base_image.h"
#include "image/store.h"
#include "image/work_folder.h"
#include "keeper/weaker_wall.h"

namespace caisson::cli {
namespace {

uint64_t random_bits() {
  uint64_t bits = 0;
  std::memcpy(&bits, base::random_bytes(sizeof bits).data(), sizeof bits);
  return bits;
}

constexpr int kNameAttempts = 16;

keeper::NewSandbox new_sandbox(engine::Plan& plan, bool name_is_made_up) {
  for (int attempt = 1;; ++attempt) {
    try {
      return keeper::NewSandbox(plan.spec.name);
    } catch (const base::Error& error) {
      if (!name_is_made_up || error.errnum() != EEXIST || attempt == kNameAttempts) throw;
      plan.spec.name = spec::generate_name(random_bits());
    }
  }
}

// A name that is taken is refused before an image is made for minutes. Another command can still take it meanwhile.
void check_name_is_free(const std::string& name) {
  if (access((keeper::sandboxes_folder() + "/" + name).c_str(), F_OK) == 0) static_cast<void>(keeper::NewSandbox(name));
}

bool has_variable(const std::vector<std::string>& environment, const std::string& entry) {
  const std::string prefix = entry.substr(0, entry.find('=')) + "=";
  return std::any_of(environment.begin(), environment.end(),
                     [&](const std::string& other) { return other.starts_with(prefix); });
}

base::Error no_command() {
  return base::Error("no command was given",
                     "caisson run -- COMMAND, caisson run -it for a shell, or caisson run -d for none");
}

std::vector<link::Authority> machine_authorities() {
  return gate::authorities_for_guests(gate::LocalAuthority(gate::LocalAuthority::folder_of_this_machine()));
}

}  // namespace

Wished wished(const RunOptions& options, const Tail& tail) {
  std::optional<agents::Agent> agent = agent_of(tail);
  Surroundings surroundings{.stdin_is_terminal = is_terminal(0),
                            .stdout_is_terminal = is_terminal(1),
                            .variable = own_variable,
                            .random = random_bits(),
                            .standing = own_standing(),
                            .agent = agent ? &agent->definition : nullptr};
  // What is wrong with the options is told before a question is asked.
  Wished wished{.spec = make_spec(options, tail, surroundings), .network = {}};
  if (agent && agent->origin == agents::Origin::kPath)
    check_place_of_rules("the agent definition", agent->path, wished.spec.workspaces, surroundings.standing);
  if (!options.no_config) wished.configuration = accepted_configuration(wished.spec.workspaces);
  if (wished.configuration) {
    surroundings.workspaces = wished.spec.workspaces;
    surroundings.configuration = &*wished.configuration;
    wished.spec = make_spec(options, tail, surroundings);
  }
  const TerminalSize size = own_terminal_size();
  wished.spec.command.rows = size.rows;
  wished.spec.command.columns = size.columns;
  wished.network = make_policy(options, wished.spec.workspaces, surroundings);
  apply_network(wished.spec, wished.network);
  gate::check_proxies(wished.network.policy);
  wished.agent = std::move(agent);
  return wished;
}

Prepared prepare_sandbox(const spec::SandboxSpec& spec, const PrepareOptions& options) {
  const std::unique_ptr<engine::Engine> engine = engine::choose_engine(spec.engine);
  engine::Plan plan = engine->plan(spec);
  // The base image has no command of its own: that is told before it is made for minutes.
  if (spec.image == image::kBaseName && spec.command.argv.empty() && !spec.command.tty && !options.may_be_idle)
    throw no_command();
  keeper::sandboxes_folder();  // one that cannot be used is told before an image is made for minutes
  if (!options.name_is_made_up) check_name_is_free(spec.name);
  check_clones(spec);
  {
    image::sweep_work_folders(base::cache_folder());
    WorkProgress progress;
    engine->prepare(plan, {.progress = progress, .authorities = machine_authorities});
  }
  std::string image_user;
  if (const auto image = image::ImageStore(base::cache_folder()).find(spec.image)) {
    apply_image(plan.spec, image->config);
    image_user = image->config.user;
  }
  if (plan.spec.command.argv.empty() && !options.may_be_idle) throw no_command();
  spec::validate(plan.spec);
  auto signals = std::make_unique<HeldSignals>();
  keeper::NewSandbox made = new_sandbox(plan, options.name_is_made_up);
  engine->create(plan, made.folder());
  make_clones(plan.spec, made.folder());
  keeper::Claim claim = std::move(made).commit(plan, options.policy);
  return {std::move(plan.spec), std::move(claim), std::move(image_user), std::move(signals)};
}

void warn_of_weaker_wall(const std::string& name) {
  try {
    if (const std::string line = keeper::weaker_wall(keeper::read_sandbox(name).state.wall); !line.empty()) warn(line);
  } catch (const base::Error&) {
    // It has ended by itself already, and gone.
  }
}

base::Fd launch(keeper::LaunchOptions options, std::unique_ptr<HeldSignals> signals) {
  const std::string folder = options.claim.folder;
  if (signals->came()) {
    {
      const keeper::Claim given_back = std::move(options.claim);
    }
    keeper::discard_unstarted(folder);
    signals.reset();
  }
  base::Fd connection = keeper::launch_keeper(std::move(options));
  signals.reset();
  return connection;
}

const std::vector<std::string>& default_shell() {
  static const std::vector<std::string> kShell = {"/bin/sh", "-c",
                                                  "command -v bash >/dev/null 2>&1 && exec bash -l; exec sh -l"};
  return kShell;
}

void apply_image(spec::SandboxSpec& spec, const image::ImageConfig& config) {
  std::vector<std::string> environment;
  for (const std::string& entry : config.environment) {
    if (!has_variable(spec.environment, entry)) environment.push_back(entry);
  }
  spec.environment.insert(spec.environment.begin(), environment.begin(), environment.end());
  if (spec.command.user.empty()) spec.command.user = config.user;
  if (spec.command.folder.empty()) spec.command.folder = config.working_dir;
  if (!spec.command.argv.empty()) return;
  spec.command.argv = config.entrypoint;
  spec.command.argv.insert(spec.command.argv.end(), config.command.begin(), config.command.end());
  if (spec.command.argv.empty() && spec.command.tty) spec.command.argv = default_shell();
}

}  // namespace caisson::cli
