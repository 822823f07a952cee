// SPDX-License-Identifier: Apache-2.0

#include "cli/changes_target.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/disk_space.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "changes/apply.h"
#include "changes/git_folders.h"
#include "changes/report.h"
#include "changes/view_folder.h"
#include "cli/command.h"
#include "cli/ending.h"
#include "cli/workspace_options.h"
#include "keeper/client.h"
#include "keeper/commits.h"
#include "keeper/launch.h"
#include "keeper/workspace_files.h"

namespace caisson::cli {
namespace {

namespace fs = std::filesystem;
using base::Error;

constexpr std::chrono::seconds kStopTime{10};

bool has_none(const keeper::State& state) {
  return !state.changes.empty() && std::all_of(state.changes.begin(), state.changes.end(),
                                               [](const keeper::ChangesState& each) { return each.is_nothing(); });
}

std::vector<spec::Workspace> kept_apart_in(const keeper::Sandbox& sandbox) {
  std::vector<spec::Workspace> found;
  for (const spec::Workspace& workspace : sandbox.spec.workspaces) {
    if (spec::keeps_changes_apart(workspace.mode)) found.push_back(workspace);
  }
  return found;
}

// A path as it was typed, without asking what is there: it may be one that only the sandbox has.
std::string absolute(const std::string& typed, const Standing& standing) {
  const fs::path whole = fs::path(typed).is_absolute() ? fs::path(typed) : fs::path(standing.folder) / typed;
  return spec::clean_path(whole.lexically_normal().string()).value_or(whole.string());
}

keeper::Sandbox of_this_folder(const Standing& standing) {
  std::vector<keeper::Sandbox> found;
  for (keeper::Sandbox& sandbox : keeper::list_sandboxes()) {
    if (!sandbox.problem.empty()) continue;
    const std::vector<spec::Workspace> theirs = kept_apart_in(sandbox);
    const bool here = std::any_of(theirs.begin(), theirs.end(), [&](const spec::Workspace& workspace) {
      return spec::is_within(standing.folder, workspace.host);
    });
    if (here) found.push_back(std::move(sandbox));
  }
  if (found.empty())
    throw Error("no sandbox has the folder " + base::in_quotes(standing.folder), "name one: `caisson ls` shows all");
  if (found.size() > 1) {
    std::vector<std::string> names;
    for (const keeper::Sandbox& sandbox : found) names.push_back(sandbox.name);
    throw Error("more than one sandbox has the folder " + base::in_quotes(standing.folder),
                "name one of them: " + base::join(names, ", "));
  }
  warn(fmt::format("of '{}'", found.front().name));
  return std::move(found.front());
}

bool names_a_sandbox(const std::string& word) {
  if (word.find('/') != std::string::npos) return false;
  const std::vector<keeper::Sandbox> all = keeper::list_sandboxes();
  return std::any_of(all.begin(), all.end(), [&](const keeper::Sandbox& sandbox) { return sandbox.name == word; });
}

// A path may be one that only the sandbox has: then a slash tells it from a name that was mistyped.
bool is_no_path(const std::string& word) {
  return word.find('/') == std::string::npos && ::access(word.c_str(), F_OK) != 0;
}

// To each workspace the paths that are in it.
std::vector<ChosenWorkspace> choose(const keeper::Sandbox& sandbox, const std::vector<std::string>& typed,
                                    const Standing& standing) {
  std::vector<ChosenWorkspace> all;
  for (spec::Workspace& workspace : kept_apart_in(sandbox)) all.push_back({std::move(workspace), {}});
  if (all.empty())
    throw Error(base::in_quotes(sandbox.name) + " has no workspace whose changes are kept apart",
                "one gets it by -w FOLDER, or by running in the folder");
  if (typed.empty()) return all;
  std::vector<bool> meant(all.size(), false);
  for (const std::string& word : typed) {
    const std::string path = absolute(word, standing);
    bool found = false;
    for (size_t i = 0; i < all.size(); ++i) {
      const std::string& host = all[i].workspace.host;
      if (!spec::is_within(path, host)) continue;
      found = true;
      meant[i] = true;
      // The whole of it is no path in it.
      if (path != host) all[i].paths.push_back(path.substr(host.size() + 1));
    }
    if (!found)
      throw Error(base::in_quotes(word) + " is in no workspace of " + base::in_quotes(sandbox.name),
                  "its workspaces: `caisson inspect " + sandbox.name + "`");
  }
  std::vector<ChosenWorkspace> chosen;
  for (size_t i = 0; i < all.size(); ++i) {
    if (meant[i]) chosen.push_back(std::move(all[i]));
  }
  return chosen;
}

}  // namespace

std::string ChosenWorkspace::in_words() const {
  if (paths.empty()) return base::in_quotes(workspace.host);
  std::vector<std::string> words;
  for (const std::string& path : paths) words.push_back(base::in_quotes(workspace.host + "/" + path));
  return base::join(words, ", ");
}

void recover_applies(const keeper::Sandbox& sandbox) {
  for (const spec::Workspace& workspace : kept_apart_in(sandbox)) {
    const std::string host = base::in_quotes(workspace.host);
    switch (changes::recover(keeper::apply_journal_path(sandbox.folder, workspace.id))) {
      case changes::Recovery::kNothingToDo:
        break;
      case changes::Recovery::kNotBegun:
      case changes::Recovery::kTakenBack:
        warn("an interrupted apply to " + host + " was taken back");
        break;
      case changes::Recovery::kFinished:
        warn("an interrupted apply to " + host + " was finished");
        break;
    }
  }
}

ChangesTarget::ChangesTarget(const ChangesWords& words) {
  const Standing standing = own_standing();
  std::vector<std::string> paths = words.words;
  if (!paths.empty() && (names_a_sandbox(paths.front()) || is_no_path(paths.front()))) {
    sandbox_ = keeper::read_sandbox(paths.front());
    paths.erase(paths.begin());
  } else {
    sandbox_ = of_this_folder(standing);
  }
  workspaces_ = choose(sandbox_, paths, standing);
  recover_applies(sandbox_);
  changes::sweep_views(sandbox_.folder);
}

ChangesTarget::~ChangesTarget() {
  try {
    rest();
  } catch (const base::Error& error) {
    warn(error.what());
  }
}

void ChangesTarget::start() {
  if (is_running()) return;
  warn(fmt::format("starting '{}', without its command, to ask it …", sandbox_.name));
  if (sandbox_.state.reason == keeper::kKeeperKilled)
    warn("its keeper was killed: what it wrote last may not have come to its disk");
  started_.emplace(
      keeper::launch_keeper({.claim = keeper::claim_sandbox(sandbox_), .end_with_client = true, .stays = true}));
  started_->request("GET", "/v1/ready");
}

void ChangesTarget::rest() {
  if (!started_) return;
  const std::optional<keeper::Client> until_it_has_stopped = std::exchange(started_, std::nullopt);
  stop_sandbox(keeper::read_sandbox(sandbox_.name), kStopTime);
  if (!taken_) tell_if_empty(keeper::read_sandbox(sandbox_.name).state);
}

void ChangesTarget::tell_if_empty(const keeper::State& state) const {
  if (has_none(state) && sandbox_.spec.remove_at_end)
    warn(fmt::format("there are no changes in '{0}' that are not here (`caisson rm {0}` removes it)", sandbox_.name));
}

changes::Received ChangesTarget::received(const ChosenWorkspace& chosen) {
  const std::string kept = keeper::kept_changes_path(sandbox_.folder, chosen.workspace.id);
  if (!is_running()) {
    for (const keeper::ChangesState& state : sandbox_.state.changes) {
      if (state.id == chosen.workspace.id && state.is_nothing()) return changes::Received::none();
    }
    if (::access(kept.c_str(), R_OK) == 0) {
      try {
        return changes::Received::open(kept, sandbox_.folder);
      } catch (const Error& error) {
        // It was not brought to the disk before a power failure. The sandbox's own disk has it.
        warn(error.what());
      }
    }
  }
  start();
  keeper::Upgraded upgraded = keeper::Client::connect(keeper::read_sandbox(sandbox_.name))
                                  .upgrade("POST", "/v1/changes", {{"id", chosen.workspace.id}, {"content", true}});
  return changes::Received::read(upgraded.connection.get(), upgraded.early_bytes, sandbox_.folder,
                                 {.content = sandbox_.spec.disk, .spare = base::kSpareSpace});
}

keeper::ChangesState ChangesTarget::fetched(const ChosenWorkspace& chosen) {
  const uint32_t id = chosen.workspace.id;
  for (keeper::ChangesState state : sandbox_.state.changes) {
    if (is_running() || state.id != id || !state.known) continue;
    state.commits = keeper::undelivered_commits(sandbox_.folder, id);
    return state;
  }
  start();
  const base::Json answer =
      keeper::Client::connect(keeper::read_sandbox(sandbox_.name)).request("POST", "/v1/commits", {{"id", id}});
  base::JsonReader reader(answer, "the keeper's answer");
  keeper::ChangesState state{.id = id, .known = true};
  state.commits = reader.required<uint64_t>("commits");
  state.elsewhere = reader.required<uint64_t>("elsewhere");
  state.uncommitted = reader.required<uint64_t>("uncommitted");
  reader.finish();
  return state;
}

keeper::ComparedChanges ChangesTarget::compared(const ChosenWorkspace& chosen) {
  keeper::ComparedChanges compared =
      keeper::compare_changes(sandbox_.folder, sandbox_.spec, chosen.workspace, received(chosen));
  compared.received.require_content();
  changes::classify_repositories(compared.set, compared.root, compared.received);
  compared.set = changes::below(std::move(compared.set), chosen.paths);
  return compared;
}

void ChangesTarget::require_named(const ChosenWorkspace& chosen, const keeper::ComparedChanges& compared) const {
  for (const std::string& path : chosen.paths) {
    const changes::ChangeSet named = changes::below(compared.set, {path});
    if (!named.changes.empty() || !named.left_out.empty() || compared.root.look(path).exists()) continue;
    throw Error("there is no " + base::in_quotes(chosen.workspace.host + "/" + path) + ", and " +
                    base::in_quotes(sandbox_.name) + " has changed nothing there",
                "`caisson diff " + sandbox_.name + " --name-only` names what it has changed");
  }
}

keeper::ComparedChanges ChangesTarget::compared_as_named(const ChosenWorkspace& chosen) {
  keeper::ComparedChanges both = compared(chosen);
  require_named(chosen, both);
  return both;
}

void ChangesTarget::discard(const ChosenWorkspace& chosen) {
  start();
  taken_ = true;
  base::Json paths = base::Json::array();
  for (const std::string& path : chosen.paths) paths.push_back(base::hex(path));
  keeper::Client::connect(keeper::read_sandbox(sandbox_.name))
      .request("POST", "/v1/discard", {{"id", chosen.workspace.id}, {"paths", std::move(paths)}});
}

void ChangesTarget::settle() {
  const bool was_started = started_.has_value();
  rest();
  if (sandbox_.state.status == keeper::Status::kRunning) return;
  keeper::State state;
  {
    const keeper::Claim claim = keeper::claim_sandbox(sandbox_);
    state = keeper::read_sandbox_folder(sandbox_.folder).state;
    state.status = keeper::Status::kStopped;
    for (keeper::ChangesState& each : state.changes) {
      count_again(each);
      if (each.is_nothing()) ::unlink(keeper::kept_changes_path(sandbox_.folder, each.id).c_str());
    }
    keeper::write_state(sandbox_.folder, state);
  }
  if (!taken_) {
    if (!was_started) tell_if_empty(state);
    return;
  }
  if (!has_none(state) || !sandbox_.spec.remove_at_end) return;
  keeper::remove_sandbox(sandbox_);
  warn(fmt::format("removed '{}': there are no changes in it that are not here", sandbox_.name));
}

void ChangesTarget::count_again(keeper::ChangesState& state) const {
  const std::vector<spec::Workspace>& all = sandbox_.spec.workspaces;
  const auto workspace =
      std::find_if(all.begin(), all.end(), [&](const spec::Workspace& one) { return one.id == state.id; });
  if (workspace == all.end()) return;
  if (workspace->mode == spec::WorkspaceMode::kClone && state.known)
    state.commits = keeper::undelivered_commits(sandbox_.folder, state.id);
  const std::string kept = keeper::kept_changes_path(sandbox_.folder, state.id);
  if (::access(kept.c_str(), R_OK) != 0) return;
  const auto counts = changes::count(
      keeper::compare_changes(sandbox_.folder, sandbox_.spec, *workspace, changes::Received::open(kept)).set);
  state.known = true;
  state.changed = counts.changed;
  state.added = counts.added;
  state.removed = counts.removed;
}

}  // namespace caisson::cli
