// SPDX-License-Identifier: Apache-2.0

#include "cli/registry_hint.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "cli/groups.h"

namespace caisson::cli {
namespace {

// The keeper has written these, but a rule that can't be read is no reason to fail at a command's end.
bool is_for_a_host_of(const std::string& text, const std::vector<gate::Rule>& registries) {
  try {
    const gate::Rule rule = gate::parse_rule(text);
    return std::any_of(registries.begin(), registries.end(),
                       [&](const gate::Rule& registry) { return registry.host == rule.host; });
  } catch (const base::Error&) {
    return false;
  }
}

}  // namespace

std::string registry_hint(const std::vector<std::string>& refused, const std::vector<gate::Rule>& registries) {
  const auto found = std::find_if(refused.begin(), refused.end(),
                                  [&](const std::string& text) { return is_for_a_host_of(text, registries); });
  if (found == refused.end()) return {};
  return base::in_quotes(*found) +
         " is a package registry of this machine's (to allow all of them: --allow @registries)";
}

std::string own_registry_hint(const std::vector<std::string>& refused, const std::vector<spec::Workspace>& workspaces) {
  if (refused.empty()) return {};
  try {
    gate::RegistrySources sources = registry_sources(workspaces, own_standing());
    // A hint is not worth the execution of anything: the sandbox has just had its workspaces.
    sources.ask_npm = nullptr;
    return registry_hint(refused, gate::registry_rules(sources).rules);
  } catch (const base::Error&) {
    return {};
  }
}

}  // namespace caisson::cli
