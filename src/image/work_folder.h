// SPDX-License-Identifier: Apache-2.0

// A temporary folder below the cache, for work that ends in one rename. It holds a lock for as long as its owner, or a
// child process that was given the lock's descriptor, lives: whoever is killed leaves a folder whose lock is free, and
// the next work folder sweeps it away.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file.h"

namespace caisson::image {

class WorkFolder {
 public:
  // Makes cache/tmp/WHAT-XXXXXX (mode 0700), after sweeping what killed processes left.
  WorkFolder(const std::string& cache, const std::string& what);
  WorkFolder(WorkFolder&&) = delete;
  ~WorkFolder();

  const std::string& path() const { return path_; }
  // For children that write into the folder: it is not swept while one of them has this descriptor open.
  int lock_fd() const { return lock_->fd(); }

 private:
  std::string path_;
  std::optional<base::FileLock> lock_;
};

// Removes the folders in cache/tmp that nobody holds. Costs next to nothing where there is none.
void sweep_work_folders(const std::string& cache);

// What this process has begun and not finished: its work folders, and what notes itself here for as long as it is
// there. Any thread.
std::vector<std::string> own_work_folders();
void note_own(const std::string& path);
void forget_own(const std::string& path);
// Removes a work folder of a process that is ending, when its last child has let go of it too. Anything else, and what
// is no work folder of this cache, stays.
void remove_abandoned(const std::string& cache, const std::string& folder);

// rm -rf, also of what belongs to the subordinate user ids of this user; false when something is left.
bool remove_tree(const std::string& path);

}  // namespace caisson::image
