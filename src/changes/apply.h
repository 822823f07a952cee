// SPDX-License-Identifier: Apache-2.0

// Making the host's folder as the sandbox has it: all of the changes, or none of them.
//
//   1. The journal is begun, then the stage is made and filled with all that is new. The user's files are not touched.
//   2. The stage and the journal with all steps are on the disk; then each step is one rename or exchange between the
//      stage and the folder (or a chmod). Each looks before it acts whether the host still has what the change set was
//      made from, and afterwards whether that is what it took out; if not, all steps are taken back.
//   3. The journal says that all is done; then the stage, in which the old files are now, is removed.
//
// A process that dies at any point leaves the journal, and recover() finishes from there: before 2 by removing the
// stage, in 2 by doing the steps that are left or, where the host has changed, by taking all back, in 3 by removing the
// stage. Which steps have been done is told by what is in the stage, so nothing is done twice.
//
// One at a time for each sandbox: a lock beside the journal.
#pragma once

#include <functional>
#include <string>

#include "changes/change_set.h"
#include "changes/journal.h"

namespace caisson::changes {

struct ApplyOptions {
  const HostRoot& root;
  const Received& received;
  std::string journal;     // the file's path
  std::string log;         // of the baseline; "" for none
  std::string names = {};  // the file of KnownNames; "" for none
  // Called before anything is done to a file or folder. For tests: it does not return.
  std::function<void()> before_step = {};
};

// Everything in `changes` is applied, conflicts too: what is not to be has been taken out. Throws base::Error when
// nothing was changed, or, in words, where a part could not be taken back.
void apply(const std::vector<Change>& changes, const ApplyOptions& options);

// What has to be done, without doing it. Throws where it cannot be, as far as can be seen.
struct Plan {
  struct Made {
    size_t change;     // its index
    std::string path;  // below the stage
    HostFile owner;
  };
  std::vector<Step> steps;
  std::vector<Made> made;         // each folder before what is in it
  std::vector<std::string> kept;  // folders that the sandbox has removed and that hold something that stays
  uint64_t bytes = 0;
};
Plan plan_apply(const std::vector<Change>& changes, const HostRoot& root);

// What has become of an apply that was interrupted.
enum class Recovery : uint8_t { kNothingToDo, kNotBegun, kFinished, kTakenBack };
Recovery recover(const std::string& journal, const std::function<void()>& before_step = {});

// A number for what is in a folder: it changes when a file in it is added, removed or written to.
struct TreeState {
  uint64_t digest = 0;
  uint64_t entries = 0;
};
// Called with each entry, as it goes into the number.
using TreeVisitor = std::function<void(const std::string& path, const HostFile& file)>;
TreeState tree_state(const HostRoot& root, const std::string& path, const TreeVisitor& visit = {});

}  // namespace caisson::changes
