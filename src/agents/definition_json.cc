// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include "agents/definition.h"

namespace caisson::agents {
namespace {

// { "K": "V" } of "K=V" entries.
base::Json environment_json(const std::vector<std::string>& environment) {
  base::Json table = base::Json::object();
  for (const std::string& entry : environment) {
    const size_t sign = entry.find('=');
    table[entry.substr(0, sign)] = entry.substr(sign + 1);
  }
  return table;
}

base::Json manner_json(const Manner& manner) {
  return {{"arguments", manner.arguments}, {"environment", environment_json(manner.environment)}};
}

}  // namespace

std::string rule_text(const Host& host) {
  if (const auto* group = std::get_if<gate::GroupName>(&host.rule)) return "@" + group->name;
  return to_string(std::get<gate::Rule>(host.rule));
}

base::Json to_json(const Definition& definition) {
  base::Json files = base::Json::array();
  for (const File& file : definition.files)
    files.push_back({{"path", file.path}, {"mode", fmt::format("{:04o}", file.mode)}, {"content", file.content}});
  base::Json hosts = base::Json::array();
  for (const Host& host : definition.hosts) hosts.push_back({{"rule", rule_text(host)}, {"reason", host.reason}});
  base::Json secrets = base::Json::array();
  for (const SecretUse& use : definition.secrets) secrets.push_back({{"name", use.name}, {"variable", use.variable}});
  base::Json config = base::Json::array();
  for (const ConfigFolder& one : definition.import_config)
    config.push_back({{"folder", one.folder}, {"exclude", one.exclude}});
  return {{"version", 1},
          {"name", definition.name},
          {"description", definition.description},
          {"image", definition.image},
          {"packages",
           {{"apt", definition.packages.apt}, {"npm", definition.packages.npm}, {"pip", definition.packages.pip}}},
          {"command", definition.command},
          {"arguments", definition.arguments},
          {"autonomous", manner_json(definition.autonomous)},
          {"ask", manner_json(definition.ask)},
          {"environment", environment_json(definition.environment)},
          {"files", std::move(files)},
          {"hosts", std::move(hosts)},
          {"secrets", std::move(secrets)},
          {"import", {{"git", definition.import_git}, {"config", std::move(config)}}}};
}

}  // namespace caisson::agents
