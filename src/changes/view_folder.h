// SPDX-License-Identifier: Apache-2.0

// A folder for what is made of changes to show them: FOLDER/views/XXXXXX, where FOLDER is the sandbox's own. It holds
// the contents of the user's files, and goes with its owner. Where that is killed, a lock in it is free, and the next
// one, or sweep_views(), removes it; and it goes with the sandbox.
#pragma once

#include <optional>
#include <string>

#include "base/file.h"

namespace caisson::changes {

class ViewFolder {
 public:
  // Throws where FOLDER is not there (any more).
  explicit ViewFolder(const std::string& folder);
  ViewFolder(const ViewFolder&) = delete;
  ViewFolder& operator=(const ViewFolder&) = delete;
  ~ViewFolder();

  const std::string& path() const { return path_; }
  // For children that write into it: it is not swept while one of them has this descriptor open.
  int lock_fd() const { return lock_->fd(); }

 private:
  std::string path_;
  std::optional<base::FileLock> lock_;
};

// Removes what killed processes have left in FOLDER/views; costs next to nothing where there is none. Never fails.
void sweep_views(const std::string& folder);

}  // namespace caisson::changes
