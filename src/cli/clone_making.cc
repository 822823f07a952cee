// SPDX-License-Identifier: Apache-2.0

#include "cli/clone_making.h"

#include <filesystem>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "clones/make.h"
#include "clones/source.h"

namespace caisson::cli {

// Two working trees of one repository would want the same branch of it.
void check_clones(const spec::SandboxSpec& spec) {
  std::map<std::pair<uint64_t, uint64_t>, std::string> folders;
  for (const spec::Workspace& workspace : spec.workspaces) {
    if (workspace.mode != spec::WorkspaceMode::kClone) continue;
    const clones::Source source =
        clones::look_at_source(workspace.host, std::filesystem::temp_directory_path().string());
    clones::check_branch_is_free(source, spec.name);
    const clones::RepositoryId& id = source.repository.id();
    const auto [there, is_new] = folders.emplace(std::pair(id.device, id.inode), workspace.host);
    if (!is_new)
      throw base::Error("cannot clone " + base::in_quotes(there->second) + " and " + base::in_quotes(workspace.host) +
                            ": they are of one repository",
                        "share one of them; the clone has the branches of both");
  }
}

void make_clones(const spec::SandboxSpec& spec, const std::string& sandbox_folder) {
  for (const spec::Workspace& workspace : spec.workspaces) {
    if (workspace.mode != spec::WorkspaceMode::kClone) continue;
    const clones::MakeOptions options{.sandbox_folder = sandbox_folder,
                                      .sandbox = spec.name,
                                      .id = workspace.id,
                                      .host = workspace.host,
                                      .masks = spec.masks,
                                      .unmasks = spec.unmasks};
    for (const std::string& note : clones::make_clone(options)) warn(note);
  }
}

}  // namespace caisson::cli
