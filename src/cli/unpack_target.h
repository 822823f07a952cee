// SPDX-License-Identifier: Apache-2.0

// Where a copy out of a sandbox goes, by docker cp's rules, and the only way in which names below it are opened.
#pragma once

#include <string>

#include "base/fd.h"

namespace caisson::cli {

// The place that the user named, found and opened before anything is read from the archive: so that what reads it can
// be confined to `folder`.
struct UserTarget {
  enum class Kind { kFolder, kFile, kNothing };
  std::string given;
  base::Fd folder;   // everything happens below this: the target itself (kFolder) or the folder that it is in
  std::string name;  // in it; "" with kFolder
  Kind kind = Kind::kFolder;
};
// Throws base::Error for a place where nothing can be put whatever the archive holds.
UserTarget open_target(const std::string& target);

struct UnpackTarget {
  base::Fd folder;
  std::string name;  // of the top entry in it; "." means the folder itself
};

// `top` is the archive's top name ("." for a folder's content), `is_folder` what its first entry is.
//   target is a folder                → in it, called `top`
//   target is a file                  → replaces it; not by a folder
//   target is not there               → called so, in the folder above it, which must exist; with a slash at the end
//   only
//                                       for a folder
UnpackTarget place_in(UserTarget target, const std::string& top, bool is_folder);

// The folder `path` below `folder` ("" or "." is it itself), opened without following any link. Throws a base::Error
// that names `path`.
base::Fd open_folder_below(const base::Fd& folder, const std::string& path);
// The same for a file of any kind, as O_PATH. A symbolic link is an error.
base::Fd open_path_below(const base::Fd& folder, const std::string& path);

}  // namespace caisson::cli
