// SPDX-License-Identifier: Apache-2.0

// Which sandbox's changes a command is about, and where they come from: what a stopped sandbox has kept, or the guest.
// A stopped sandbox that has kept nothing is started for it, without its command, and stopped again.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/shown_changes.h"
#include "keeper/client.h"
#include "keeper/kept_changes.h"
#include "keeper/record.h"

namespace caisson::cli {

// `diff`, `apply`, `discard`, `patch`: [NAME] [PATH…]. Where the first word names no sandbox but a path, which has a
// slash in it or is there, or where there is no word at all, the sandbox is the one that has the current folder in a
// workspace; which one is said.
struct ChangesWords {
  std::vector<std::string> words;
};

// One workspace of mode overlay or clone, and which of the paths in it are meant: all where there is none.
struct ChosenWorkspace {
  spec::Workspace workspace;
  std::vector<std::string> paths;  // from its root

  bool is_clone() const { return workspace.mode == spec::WorkspaceMode::kClone; }
  // The paths, or the folder: for messages.
  std::string in_words() const;
};

// Finishes what an interrupted apply has left in the sandbox's workspaces, or takes it back, and says so. Throws
// base::Error.
void recover_applies(const keeper::Sandbox& sandbox);

class ChangesTarget {
 public:
  // After recover_applies(). Throws base::Error.
  explicit ChangesTarget(const ChangesWords& words);
  ~ChangesTarget();  // rest(); where this process is killed, its keeper stops what was started
  ChangesTarget(const ChangesTarget&) = delete;
  ChangesTarget& operator=(const ChangesTarget&) = delete;

  const keeper::Sandbox& sandbox() const { return sandbox_; }
  const std::vector<ChosenWorkspace>& workspaces() const { return workspaces_; }
  bool is_running() const { return sandbox_.state.status == keeper::Status::kRunning || started_.has_value(); }

  // Also when there are no changes in it any more.
  bool stays() const { return is_running() || !sandbox_.spec.remove_at_end; }

  // Of a clone: its commits are in the sandbox's folder by then.
  keeper::ChangesState fetched(const ChosenWorkspace& chosen);
  // Of the paths that were chosen, of an overlay.
  keeper::ComparedChanges compared(const ChosenWorkspace& chosen);
  // Throws where a path that was chosen is neither on the host nor among the changes.
  void require_named(const ChosenWorkspace& chosen, const keeper::ComparedChanges& compared) const;
  keeper::ComparedChanges compared_as_named(const ChosenWorkspace& chosen);  // both
  // In the guest. A sandbox that does not run is started.
  void discard(const ChosenWorkspace& chosen);

  // Changes have come to the host.
  void note_taken() { taken_ = true; }

  // Stops what was started for a question. It stays, whatever was found in it.
  void rest();
  // rest(), and what is left of a sandbox that has stopped is noted. One that would have gone away at its end, had
  // there been no changes, goes when this has taken over or thrown away the last of them. (A running one looks when it
  // ends.)
  void settle();

  std::string journal(const ChosenWorkspace& chosen) const {
    return keeper::apply_journal_path(sandbox_.folder, chosen.workspace.id);
  }
  // What was shown of it (shown_changes.h).
  std::string shown(const ChosenWorkspace& chosen) const {
    return shown_changes_path(sandbox_.folder, chosen.workspace.id);
  }

 private:
  void start();
  void tell_if_empty(const keeper::State& state) const;
  void count_again(keeper::ChangesState& state) const;
  changes::Received received(const ChosenWorkspace& chosen);

  keeper::Sandbox sandbox_;
  std::vector<ChosenWorkspace> workspaces_;
  bool taken_ = false;                     // something was taken over or thrown away
  std::optional<keeper::Client> started_;  // the first connection to what this has started: it ends with that
};

}  // namespace caisson::cli
