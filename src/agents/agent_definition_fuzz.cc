// SPDX-License-Identifier: Apache-2.0

// An agent's definition, which anybody may have written: what is taken is within its bounds, makes a spec and masks
// that pass, and is valid JSON.

#include <cstdint>
#include <cstdlib>

#include "agents/definition.h"
#include "agents/package_names.h"
#include "agents/places.h"
#include "base/error.h"
#include "secrets/definition.h"
#include "spec/sandbox_spec.h"

namespace {

using namespace caisson;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_spec(const agents::Definition& agent, const agents::Manner& manner) {
  spec::SandboxSpec spec;
  spec.name = agent.name;
  spec.image = agent.image;
  spec.command.argv = agent.command;
  for (const auto* more : {&agent.arguments, &manner.arguments})
    spec.command.argv.insert(spec.command.argv.end(), more->begin(), more->end());
  spec.environment = agent.environment;
  spec.environment.insert(spec.environment.end(), manner.environment.begin(), manner.environment.end());
  spec::validate(spec);
}

void check(const agents::Definition& agent) {
  agents::check_agent_name(agent.name);
  require(!agent.command.empty() && agent.command.size() <= agents::kMostWords);
  check_spec(agent, agent.autonomous);
  check_spec(agent, agent.ask);
  for (const std::string& package : agent.packages.apt) agents::check_apt_package(package);
  for (const std::string& package : agent.packages.npm) agents::check_npm_package(package);
  for (const std::string& package : agent.packages.pip) agents::check_pip_package(package);
  require(agent.files.size() <= agents::kMostAgentFiles && agent.hosts.size() <= agents::kMostHosts);
  for (const agents::File& file : agent.files) {
    agents::check_file_path(file.path);
    require(file.mode <= 0777 && file.content.size() <= agents::kMaxFileContentBytes);
  }
  for (const agents::Host& host : agent.hosts) {
    require(gate::parse_rule_or_group(agents::rule_text(host)) == host.rule && !host.reason.empty());
  }
  for (const agents::SecretUse& use : agent.secrets) {
    secrets::check_name(use.name);
    require(!use.variable.empty());
  }
  for (const agents::ConfigFolder& one : agent.import_config) {
    agents::check_config_folder(one.folder);
    spec::validate_masks("exclude", one.exclude);
  }
  require(!to_json(agent).dump().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  agents::Definition agent;
  try {
    agent = agents::parse_definition({reinterpret_cast<const char*>(data), size}, "agent.toml");
  } catch (const caisson::base::Error&) {
    return 0;  // refused, in words
  }
  check(agent);
  return 0;
}
