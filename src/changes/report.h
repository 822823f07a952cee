// SPDX-License-Identifier: Apache-2.0

// Changes in words: what a diff does not show, what needs a yes, and how many there are.
#pragma once

#include <string>
#include <vector>

#include "base/json_reader.h"
#include "changes/change_set.h"
#include "changes/git_view.h"

namespace caisson::changes {

// Files and links; folders count where nothing is in them.
struct Counts {
  uint64_t changed = 0;
  uint64_t added = 0;
  uint64_t removed = 0;

  uint64_t all() const { return changed + added + removed; }
};
Counts count(const ChangeSet& set);
// "2 files changed, 1 added, 3 removed"; "" for none.
std::string in_words(const Counts& counts);

// What git does not show of these: repositories' own folders, files that are too large, modes beyond the executable
// bit, folders, what was left out; and which conflict. One line each, escaped.
std::vector<std::string> notes_beside_git(const ChangeSet& set, const GitView& view);

// "M path", as `git diff --name-status` has it; escaped.
std::string name_line(const Change& change);

// What has become of it on the host, of a conflict: "was removed on the host", "was changed on the host", "became a
// folder on the host".
std::string host_side(const Change& change);

// For programs. A name that is no UTF-8 is in "path_hex" besides.
base::Json to_json(const Change& change);

}  // namespace caisson::changes
