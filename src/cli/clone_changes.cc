// SPDX-License-Identifier: Apache-2.0

#include "cli/clone_changes.h"

#include <fmt/format.h>

#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "clones/source.h"
#include "keeper/commits.h"

namespace caisson::cli {
namespace {

using clones::Returned;

// Of a repository in the clone, the chosen paths that are in it; nothing where none is.
std::optional<std::vector<std::string>> paths_in(const std::vector<std::string>& chosen,
                                                 const std::string& repository) {
  if (chosen.empty()) return std::vector<std::string>();
  std::vector<std::string> paths;
  for (const std::string& path : chosen) {
    if (repository.empty()) {
      paths.push_back(path);
    } else if (path == repository) {
      return std::vector<std::string>();
    } else if (path.starts_with(repository + "/")) {
      paths.push_back(path.substr(repository.size() + 1));
    }
  }
  if (paths.empty()) return std::nullopt;
  return paths;
}

}  // namespace

FetchedClone fetch_clone(ChangesTarget& target, const ChosenWorkspace& chosen) {
  FetchedClone clone;
  clone.chosen = &chosen;
  clone.state = target.fetched(chosen);
  clone.repositories = clones::returned_of(target.sandbox().folder, chosen.workspace.id);
  return clone;
}

bool show_clone(const FetchedClone& clone, const std::vector<std::string>& options,
                const std::function<bool(std::string_view)>& part) {
  bool more = true;
  for (const Returned& one : clone.repositories) {
    const auto paths = paths_in(clone.chosen->paths, one.what().path);
    if (!more || !paths) continue;
    Returned::View view{.options = options, .paths = *paths};
    if (!one.what().path.empty())
      view.options.insert(view.options.end(),
                          {"--src-prefix=a/" + one.what().path + "/", "--dst-prefix=b/" + one.what().path + "/"});
    one.show(view, [&](std::string_view text) { return more = part(text); });
  }
  return more;
}

base::Json clone_to_json(const FetchedClone& clone, const std::string& sandbox) {
  base::Json repositories = base::Json::array();
  for (const Returned& one : clone.repositories)
    repositories.push_back({{"path", base::escaped(one.what().path)},
                            {"host", base::escaped(one.what().host)},
                            {"base", one.what().base},
                            {"head", one.head()},
                            {"commits", one.commits()},
                            {"branch", clones::branch_of_sandbox(sandbox)},
                            {"delivered", one.is_delivered()}});
  return {{"id", clone.chosen->workspace.id},       {"host", clone.chosen->workspace.host},
          {"guest", clone.chosen->workspace.guest}, {"repositories", std::move(repositories)},
          {"elsewhere", clone.state.elsewhere},     {"uncommitted", clone.state.uncommitted}};
}

std::vector<std::string> notes_of_clone(const FetchedClone& clone, const std::string& sandbox) {
  std::vector<std::string> notes;
  const keeper::ChangesState& state = clone.state;
  const std::string where = "`caisson exec " + sandbox + " -- git";
  if (state.uncommitted > 0)
    notes.push_back(fmt::format("{} in the clone {} not committed, and not shown: {} status`",
                                state.uncommitted == 1 ? "1 file" : std::to_string(state.uncommitted) + " files",
                                state.uncommitted == 1 ? "is" : "are", where));
  if (state.elsewhere > 0)
    notes.push_back(
        fmt::format("{} on another branch than the one that is checked out in the clone, or stashed: {} log --all`",
                    state.elsewhere == 1 ? "1 commit is" : std::to_string(state.elsewhere) + " commits are", where));
  return notes;
}

void apply_clone(ChangesTarget& target, const ChosenWorkspace& chosen, const ApplyClone& options) {
  if (!chosen.paths.empty())
    throw base::Error("commits are taken over as they are, and not by path",
                      "name the sandbox alone; `git cherry-pick` and `git checkout BRANCH -- PATH` take parts");
  const FetchedClone clone = fetch_clone(target, chosen);
  const std::string& name = target.sandbox().name;
  const std::string host = base::in_quotes(chosen.workspace.host);
  bool any = false;
  if (options.dry_run) {
    for (const Returned& one : clone.repositories) {
      for (const std::string& title : one.titles()) fmt::print("{}\n", title);
      any = any || one.commits() > 0;
    }
    if (any) warn("would be on branch " + clones::branch_of_sandbox(name) + " of " + host);
  } else {
    for (const std::string& words : keeper::deliver_commits({.sandbox_folder = target.sandbox().folder,
                                    .sandbox = name,
                                    .id = chosen.workspace.id,
                                    .force = options.force})) {
      warn(words);
      any = true;
    }
    if (any) target.note_taken();
  }
  if (!any) warn("no commits for " + host);
  for (const std::string& note : notes_of_clone(clone, name)) warn(note);
}

}  // namespace caisson::cli
