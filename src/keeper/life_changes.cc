// SPDX-License-Identifier: Apache-2.0

// What is left in the workspaces of a sandbox that ends: changes that nobody has looked at are never thrown away.

#include <algorithm>

#include "base/text.h"
#include "keeper/kept_changes.h"
#include "keeper/life.h"

namespace caisson::keeper {
namespace {

constexpr std::chrono::seconds kListLimit{120};
// Of a sandbox that is to stop: its user waits.
constexpr std::chrono::seconds kListLimitOfStop{8};
constexpr std::chrono::seconds kListLimitOfForce{2};

}  // namespace

// Before anything of the user's runs. From here on there may be any.
void Life::begin_changes() {
  sandbox_.state.changes.clear();
  for (const spec::Workspace& workspace : plan_.spec.workspaces) {
    if (workspace.mode == spec::WorkspaceMode::kOverlay) sandbox_.state.changes.push_back({.id = workspace.id});
  }
  if (!first_start_) forget_kept_changes(options_.folder);
}

// A machine that stands still because the host's disk is full answers nothing.
bool Life::can_list_changes() const {
  return configured_ && sandbox_.state.paused.empty() && !link_ended_ && !engine_ended_ && !violation_ && !failure_ &&
         !start_error_;
}

asio::awaitable<void> Life::list_changes() {
  if (!can_list_changes()) co_return;
  std::chrono::seconds limit = stop_ ? kListLimitOfStop : kListLimit;
  if (stop_ && !first_gone_ && stop_->deadline <= Clock::now()) limit = kListLimitOfForce;
  for (ChangesState& state : sandbox_.state.changes) {
    const auto workspace = std::find_if(plan_.spec.workspaces.begin(), plan_.spec.workspaces.end(),
                                        [&](const spec::Workspace& each) { return each.id == state.id; });
    const KeepOptions options{options_.folder, plan_.spec, *workspace, limit};
    state = co_await keep_changes(*guest_, options);
  }
}

bool Life::keeps_changes() const {
  return std::any_of(sandbox_.state.changes.begin(), sandbox_.state.changes.end(),
                     [](const ChangesState& state) { return !state.is_nothing(); });
}

// For the end of a run.
std::string Life::changes_note() const {
  const std::string words = changes_in_words(sandbox_.state.changes);
  if (words.empty()) return {};
  const std::string& name = sandbox_.name;
  return words + ": `caisson diff " + name + "`, `caisson apply " + name + "`, `caisson discard " + name + "`";
}

}  // namespace caisson::keeper
