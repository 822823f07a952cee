// SPDX-License-Identifier: Apache-2.0

// What `caisson diff` has shown of a workspace, so that `caisson apply` takes over that and nothing else: each of them
// asks the guest, which may give another account each time.
//
//   workspaces/ID.shown   in the sandbox's folder, lines of text:
//                           caisson-shown 1
//                           all, or for each path that was looked at: path HEX
//                           for each change that was shown: LETTER SHA-256 HEX
//                           end
//                         The letter is m for content of the host's own that is moved, else c; HEX is a path's bytes.
//
// A change counts as shown when its whole account had been received and git had begun to show it, whether or not its
// reader went on to the end. An interrupted diff notes nothing of the workspace in which it was.
//
// Written by this user's commands alone, atomically and under a lock. Whoever only reads needs none. All functions
// throw base::Error; a note that is damaged is an error until all of the workspace is looked at again.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "keeper/kept_changes.h"

namespace caisson::cli {

// Of each change, by its path, what an apply makes there: kind, mode, target, size and content as received. Of content
// that comes from another place of the host's: that place, and the state of the file there.
using Fingerprints = std::map<std::string, std::string, changes::InWalkOrder>;
Fingerprints fingerprints_of(const keeper::ComparedChanges& compared);

struct ShownChanges {
  std::set<std::string, changes::InWalkOrder> paths;  // that were looked at, with what is below them; "": all
  Fingerprints changes;

  bool is_nothing() const { return paths.empty() && changes.empty(); }
  // Whether a change there has been shown, or would have been.
  bool covers(const std::string& path) const;
};

std::string shown_changes_path(const std::string& sandbox_folder, uint32_t id);

// What was shown so far; nothing where there is no note.
ShownChanges read_shown(const std::string& note);

// `compared` has been shown, of `paths`, all where there is none.
void note_shown(const std::string& note, const keeper::ComparedChanges& compared,
                const std::vector<std::string>& paths);

// Changes that were shown have come to the host's folder; what else there was below `paths` stays noted. When nothing
// is left of what was looked at there, the next changes are new ones that nobody has looked at.
void note_applied(const std::string& note, const Fingerprints& applied, const std::vector<std::string>& paths);
// The same for all below `paths`, whatever it was.
void note_discarded(const std::string& note, const std::vector<std::string>& paths);

// Of what would be applied, the paths at which it is not what was shown: another change, one where none was shown, or
// none where one was shown that has not come to the host's folder since.
std::vector<std::string> not_as_shown(const ShownChanges& shown, const Fingerprints& now, const changes::HostRoot& root,
                                      const std::vector<std::string>& paths);
// "2 files are not what `caisson diff` showed: 'a', 'b'", of such paths; "" for none.
std::string in_words_not_as_shown(const std::vector<std::string>& paths);

// How many files and links of a change set nobody has looked at.
uint64_t count_not_shown(const ShownChanges& shown, const changes::ChangeSet& set);

}  // namespace caisson::cli
