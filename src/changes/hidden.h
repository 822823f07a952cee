// SPDX-License-Identifier: Apache-2.0

// What the share hides of a folder, for those who look at the folder itself: by its own name (share/masks.h), and by
// another name of the same file (share/hidden_files.h). The folder is walked over when a file with more than one name
// is asked for, and not again as long as the files that are asked for are older than that walk.
#pragma once

#include <string>
#include <string_view>

#include "changes/host_root.h"
#include "share/hidden_files.h"
#include "share/masks.h"

namespace caisson::changes {

class Hidden {
 public:
  // Both are borrowed.
  Hidden(const share::Masks& masks, const HostRoot& root) : masks_(masks), root_(root), files_(masks, root.fd(), 0) {}

  // The path is masked, or below one that is.
  bool by_path(std::string_view path) const { return masks_.hides(path); }
  // The regular file at the path is one that a masked name leads to. Of what cannot be looked at it is so.
  bool by_other_name(const std::string& path);

 private:
  const share::Masks& masks_;
  const HostRoot& root_;
  share::HiddenFiles files_;
};

}  // namespace caisson::changes
