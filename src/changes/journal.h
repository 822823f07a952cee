// SPDX-License-Identifier: Apache-2.0

// The journal of one apply: what it is about to do to the user's folder, written before it is done, so that whatever
// ends the process in between, the next command can finish it or take it back.
//
// A file of lines, only ever appended to; a line is whole when it ends in a newline.
//
//   caisson-apply 2                     begins it, with the next four, in one atomic write and before anything is made
//   root DEVICE INODE PATH              the folder that is changed; paths and names are hexadecimal digits
//   stage NAME                          the folder in it that everything is made in and moved to
//   log PATH                            where the states of the new files are noted (baseline.h)
//   names PATH                          where their names are noted (known_names.h)
//   place|swap|take|mode NUMBER …       one step, see Step; in the order in which they are done
//   apply                               the stage is complete and on the disk: from here on steps may have been done
//   undo                                they are taken back
//   done                                all are done, and on the disk
//
// A journal that ends before `apply` says that the user's files have not been touched.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "changes/host_root.h"

namespace caisson::changes {

// One atomic step. `number` is the name of its object in the stage: what is put into place, or what was taken out.
struct Step {
  enum class Kind : uint8_t {
    kPlace,  // stage/number → path, where nothing is
    kSwap,   // the two are exchanged
    kTake,   // path → stage/number
    kMode,   // the mode of what is at path
  };
  Kind kind = Kind::kPlace;
  std::string path;
  uint64_t number = 0;
  HostFile staged = {};      // kPlace, kSwap: what is put into place
  uint32_t mode = 0;         // kMode: the new one
  HostFile before = {};      // what is at path before the step
  uint64_t tree = 0;         // tree_state() of a folder that is taken out
  uint64_t staged_tree = 0;  // and of one that is put into place
};

struct Journal {
  enum class Phase : uint8_t { kStaging, kApplying, kUndoing, kDone };
  Phase phase = Phase::kStaging;
  std::string root;
  uint64_t device = 0;
  uint64_t inode = 0;
  std::string stage;
  std::string log;
  std::string names;
  std::vector<Step> steps;
};

// The journal that is in the file; throws where it is none of ours.
Journal read_journal(const std::string& path);

class JournalFile {
 public:
  // A new one, on the disk when this returns.
  static JournalFile begin(const std::string& path, const Journal& journal);
  // One that is continued.
  explicit JournalFile(const std::string& path);

  // All steps and `apply`; on the disk when this returns, as are these.
  void apply(const std::vector<Step>& steps);
  void undo();
  void done();
  // It is over.
  void remove();

 private:
  void append(const std::string& lines);

  std::string path_;
  base::Fd file_;
};

}  // namespace caisson::changes
