// SPDX-License-Identifier: Apache-2.0

// What an overlay notes in its upper layer (Documentation/filesystems/overlayfs.rst): a file that was removed is a
// character device 0/0; a folder that hides the lower one has the attribute `opaque`; one that was renamed has
// `redirect`, the lower folder's path from the root, or its name where its parent is the same.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"

namespace caisson::guest {

// The attributes' prefix. "trusted." is the kernel's, which only root reads and writes; a test without root has
// "user.overlay.".
inline constexpr const char* kOverlayAttributes = "trusted.overlay.";

// What a folder lies over: a path from the lower layer's root ("" is the root), or nothing.
using Lower = std::optional<std::string>;

struct FolderBelow {
  bool opaque = false;
  std::string renamed_from;  // "" where it was not
  Lower lower;
};

class OverlayLayers {
 public:
  explicit OverlayLayers(const std::string& attributes)
      : opaque_(attributes + "opaque"), redirect_(attributes + "redirect") {}

  // Of a folder of the upper layer, called `name` in one that lies over `parent`. A redirect that leads out of the
  // layer is none.
  FolderBelow below(const base::Fd& folder, const std::string& name, const Lower& parent) const;

 private:
  std::string opaque_;
  std::string redirect_;
};

bool is_whiteout(const struct stat& info);

// The names in a folder, in the order of their bytes. `path` is for errors.
std::vector<std::string> names_in(const base::Fd& folder, const std::string& path);

// A folder below an open one, not through a link; nothing (and errno) where it is not there, or no folder.
base::Fd open_folder(const base::Fd& parent, const std::string& name);

// A descriptor for each level of a tree that may be as deep as a path is long.
void allow_many_files();

}  // namespace caisson::guest
