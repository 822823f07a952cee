// SPDX-License-Identifier: Apache-2.0

#include "cli/groups.h"

#include <algorithm>

#include "gate/git_remotes.h"
#include "gate/group_addresses.h"

namespace caisson::cli {
namespace {

constexpr std::chrono::seconds kResolverPatience{3};

}  // namespace

gate::RegistrySources registry_sources(const std::vector<spec::Workspace>& workspaces, const Standing& standing) {
  std::vector<std::string> writable;
  for (const spec::Workspace& workspace : workspaces) writable.push_back(workspace.host);
  if (!standing.folder.empty() && why_too_broad(standing.folder, standing.home).empty())
    writable.push_back(standing.folder);
  return gate::registry_sources_of_process(std::move(writable));
}

gate::GroupRules registries(const std::vector<spec::Workspace>& workspaces, const Standing& standing) {
  return gate::with_own_addresses(gate::registry_rules(registry_sources(workspaces, standing)), gate::resolve_on_host,
                                  kResolverPatience);
}

gate::GroupRules git_remotes(const std::vector<spec::Workspace>& workspaces, const Standing& standing) {
  const auto folder = std::find_if(workspaces.begin(), workspaces.end(),
                                   [](const spec::Workspace& workspace) { return !workspace.file; });
  return gate::git_rules(folder == workspaces.end() ? standing.folder : folder->host);
}

}  // namespace caisson::cli
