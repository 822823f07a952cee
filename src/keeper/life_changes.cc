// SPDX-License-Identifier: Apache-2.0

// What is left in the workspaces of a sandbox that ends: changes that nobody has looked at are never thrown away.
//
// The list is made when all commands have ended, so that none changes anything behind it: nothing is missing from what
// is kept. The commits of a clone are asked for by commands, which are the only ones then. But most runs change
// nothing, and their sandboxes end by a kill: those are only asked whether there is anything.

#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <iostream>

#include "base/scope.h"
#include "base/text.h"
#include "keeper/commits.h"
#include "keeper/kept_changes.h"
#include "keeper/life.h"

namespace caisson::keeper {
namespace {

constexpr std::chrono::seconds kListLimit{120};
// Behind the time that a stop gives the guest; its client waits ten more for the keeper.
constexpr std::chrono::seconds kListAfterStop{2};
// Where its client has gone, which gives no time and waits for nothing.
constexpr std::chrono::seconds kListAfterClient{15};
// What is left then for what was changed to be written to the disk.
constexpr std::chrono::seconds kWriteLimit{5};

}  // namespace

struct Life::Listing {
  std::vector<ChangesState> found;
  std::vector<std::string> notes;
  bool at_once = false;  // a forced stop waits for no command's end
  bool over = false;
};

// Before anything of the user's runs. From here on there may be any.
void Life::begin_changes() {
  sandbox_.state.changes.clear();
  for (const spec::Workspace& workspace : plan_.spec.workspaces) {
    if (spec::keeps_changes_apart(workspace.mode)) sandbox_.state.changes.push_back({.id = workspace.id});
  }
  if (!first_start_) forget_kept_changes(options_.folder);
}

// A machine that stands still because the host's disk is full answers nothing.
bool Life::can_list_changes() const {
  return configured_ && sandbox_.state.paused.empty() && !link_ended_ && !engine_ended_ && !violation_ && !failure_ &&
         !start_failed();
}

// Nobody waits for its commands: they are killed.
bool Life::ends_at_once() const {
  return plan_.spec.remove_at_end && (!stop_ || was_left());
}

Life::Clock::time_point Life::list_deadline(Clock::time_point begin) const {
  if (!stop_) return begin + kListLimit;
  return stop_->deadline + (was_left() ? kListAfterClient : kListAfterStop);
}

asio::awaitable<void> Life::list_changes() {
  if (sandbox_.state.changes.empty() || !can_list_changes()) co_return;
  const Clock::time_point begin = Clock::now();
  const auto listing = std::make_shared<Listing>();
  listing->found = sandbox_.state.changes;
  listing->at_once = stop_ && !was_left() && stop_->deadline <= begin;
  beside(look_for_changes(listing));
  // A stop that comes meanwhile may leave less time.
  Clock::time_point deadline = list_deadline(begin);
  auto over = [&] { return listing->over || !can_list_changes() || list_deadline(begin) < deadline; };
  while (!listing->over && can_list_changes()) {
    deadline = list_deadline(begin);
    const bool came = co_await wait_until(over, deadline);
    if (!came) break;
  }
  sandbox_.state.changes = listing->found;
  commit_notes_ = listing->notes;
  if (listing->over && stop_ && !listing->at_once && keeps_changes())
    stop_->deadline = std::max(stop_->deadline, Clock::now() + kWriteLimit);
}

// Not waited for when it takes too long: what it has found until then counts.
asio::awaitable<void> Life::look_for_changes(std::shared_ptr<Listing> listing) {
  const auto self = shared_from_this();
  ++listings_;
  const base::Scope over([this, listing] {
    --listings_;
    listing->over = true;
    changed_.notify_all();
  });
  try {
    bool any = !ends_at_once();
    for (ChangesState& state : listing->found) {
      if (any) break;
      any = co_await has_changes(*guest_, state.id);
      state.known = !any;
    }
    if (!any) co_return;
    const std::chrono::seconds until = ends_at_once() ? std::chrono::seconds(0) : until_kill();
    if (!listing->at_once) co_await guest_->end_commands(until);
    for (ChangesState& state : listing->found) {
      const auto workspace = std::find_if(plan_.spec.workspaces.begin(), plan_.spec.workspaces.end(),
                                          [&](const spec::Workspace& each) { return each.id == state.id; });
      const KeepOptions options{options_.folder, plan_.spec, *workspace};
      state.known = false;
      if (workspace->mode == spec::WorkspaceMode::kClone) {
        KeptCommits kept = co_await keep_commits(*guest_, options);
        state = kept.state;
        listing->notes.insert(listing->notes.end(), kept.notes.begin(), kept.notes.end());
      } else {
        ChangesState kept = co_await keep_changes(*guest_, options);
        state = kept;
      }
    }
  } catch (const std::exception& error) {
    std::cerr << "cannot list the changes: " << error.what() << std::endl;
  }
}

// An apply that was interrupted may have done a part of its work.
bool Life::keeps_changes() const {
  return std::any_of(sandbox_.state.changes.begin(), sandbox_.state.changes.end(), [&](const ChangesState& state) {
    return !state.is_nothing() || ::access(apply_journal_path(options_.folder, state.id).c_str(), F_OK) == 0;
  });
}

void Life::make_it_stay() {
  try {
    engine_.keep(plan_, options_.folder);
    sync_record(options_.folder);
  } catch (const base::Error& error) {
    // It stays all the same. To start it needs what this machine has in its cache.
    std::cerr << error.what() << std::endl;
  }
}

// For the end of a run.
std::string Life::changes_note() const {
  const std::string words = changes_in_words(sandbox_.state.changes);
  if (words.empty()) return {};
  const std::string& name = sandbox_.name;
  return words + ": `caisson diff " + name + "`, `caisson apply " + name + "`, `caisson discard " + name + "`";
}

}  // namespace caisson::keeper
