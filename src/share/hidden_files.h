// SPDX-License-Identifier: Apache-2.0

// The files that masked names lead to: what is masked by one name is absent under every name.
//
// A file is known to be masked once its name was met, or by a walk over the whole folder (folder_walk.h). The walk is
// made when a regular file with more than one hard link is met that no walk could know yet: its links may have changed
// (its change time says so) since the last one began. So a folder without hard links is never walked. What the guest
// itself does to a file that is known changes its change time as well, and is no reason: see carry_over().
//
// The walk also counts names. A file that has all of its names in the folder, none of them masked, is shown whatever
// else the walk left out; what has not, only if nothing was. And only such a file may be written to (all_inside()).
//
// A masked file is held by an O_PATH descriptor, as long as there are few, so that its inode's number is not given to
// another file; of the others the time of birth is compared too, where the file system has one.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#include "base/fd.h"
#include "share/folder_walk.h"
#include "share/masks.h"
#include "share/node.h"

namespace caisson::share {

class HiddenFiles {
 public:
  // `root` is borrowed. `held` files are held by descriptors at most.
  HiddenFiles(const Masks& masks, int root, size_t held);

  // A masked name was met, in an open folder. What it leads to, if that was not known yet.
  std::optional<FileId> met(int folder, const std::string& name);
  // The name was given to another file: if it leads to `guess`, which met() learnt from it, that was no masked file.
  void take_back(int folder, const std::string& name, const FileId& guess);
  // Whether the regular file is known to be masked by any name. `file` is its O_PATH descriptor, or with `name` that of
  // the folder it is in.
  bool hides(int file, const struct stat& status, const std::string& name = {});
  // Whether every name of the regular file is known to be in the folder, and not masked: to write to it changes nothing
  // that is elsewhere.
  bool all_inside(const struct stat& status);
  // The guest itself changed the file, and made `links` more links to it: what was known of it `before` stays true.
  void carry_over(const struct stat& before, const struct stat& after, int links);
  // A folder was moved: with it the names in it, and what they say. `matters`: among names, or to others, that the
  // masks don't take for the same.
  void folder_moved(bool matters);
  // Held while the guest moves or links names, so that no walk misses one or counts it twice.
  [[nodiscard]] std::shared_lock<std::shared_mutex> change_names() { return std::shared_lock(names_); }
  // Whether anything by this number is known: a first question that costs nothing.
  bool may_hide(const FileId& file);
  size_t size();

 private:
  struct Known {
    int64_t born_ns = 0;
    base::Fd held;
  };
  // What is known of a file with several links.
  struct Standing {
    bool shown = false;
    bool inside = false;
  };
  struct Settled {
    int64_t changed_ns;
    uint64_t links;
    Standing standing;
  };
  struct LastWalk {
    int64_t began_ns = INT64_MIN;
    int64_t again_ns = 0;  // when it is worth another one, where it was not complete
    Walked found;
  };
  bool remember(const FileId& file, Known known);
  std::optional<Standing> standing(const struct stat& status);
  Standing settle(const struct stat& status);
  Standing as_walked(const struct stat& status) const;
  void walk();
  void walked_over(int folder, const std::string& name);

  const Masks& masks_;
  const int root_;
  const size_t held_limit_;
  std::mutex walking_;       // taken first
  std::shared_mutex names_;  // taken second, by the walk alone as its own
  std::mutex mutex_;         // taken last
  std::unordered_map<FileId, Known, FileIdHash> known_;
  size_t held_ = 0;
  std::unordered_map<FileId, Settled, FileIdHash> settled_;
  LastWalk last_;
  uint64_t moves_ = 0;  // of folders
  std::string said_;    // the last obstacle that was told
};

}  // namespace caisson::share
