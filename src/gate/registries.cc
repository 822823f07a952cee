// SPDX-License-Identifier: Apache-2.0

#include "gate/registries.h"

#include <unistd.h>

#include <string_view>

#include "base/paths.h"
#include "gate/npm_says.h"
#include "gate/registry_search.h"

namespace caisson::gate {

RegistrySources registry_sources_of_process(std::vector<std::string> workspaces) {
  RegistrySources sources{.workspaces = std::move(workspaces), .ask_npm = npm_says};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    sources.environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  if (const auto home = sources.environment.find("HOME"); home != sources.environment.end())
    sources.home = home->second;
  sources.own_apt_list = base::config_folder() + "/apt.list";
  return sources;
}

GroupRules registry_rules(const RegistrySources& sources) {
  RegistrySearch search(sources);
  search.note_workspace_settings();
  find_apt(search);
  find_npm(search);
  find_pip(search);
  find_cargo(search);
  find_go(search);
  find_docker(search);
  find_maven(search);
  return search.take();
}

}  // namespace caisson::gate
