// SPDX-License-Identifier: Apache-2.0

// A root file system for a jailed process: an empty, read-only tmpfs with a few of the host's files and folders in it,
// each read-only, nosuid and nodev. Made with the mount API of Linux 5.12 (open_tree, mount_setattr, move_mount), so
// that every source is held by a descriptor before the host's tree goes out of sight, and no path is looked up twice.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"

namespace caisson::sys {

// What goes into the new root, worked out by the parent.
class RootPlan {
 public:
  // `visible`: absolute host paths, files or folders, that are there at the same place inside; those that don't exist
  // are left out. Where a part of such a path is a symbolic link (/lib on a merged /usr), the link is made inside as
  // well. Throws base::Error for a path that is not absolute or has ".." in it, and for more than kMaxEntries.
  explicit RootPlan(const std::vector<std::string>& visible);

  // A copy of the open regular file `descriptor` (borrowed until the root was entered) at `path` inside; readable there
  // whoever may open the file itself.
  void add_copy(const std::string& path, int descriptor);

  static constexpr size_t kMaxEntries = 64;

  struct Entry {
    enum class Kind { kFolder, kLink, kBindFile, kBindFolder, kCopy };
    Kind kind;
    std::string path;     // inside, relative to the root: "usr/lib"
    std::string source;   // kBind*: on the host; kLink: what the link says
    int descriptor = -1;  // kCopy: what is copied, from its beginning
  };
  // In the order in which they are to be made.
  const std::vector<Entry>& entries() const { return entries_; }
  // The tmpfs's mount options: large enough for the copies, and no larger.
  const std::string& tmpfs_options() const { return tmpfs_options_; }

 private:
  void add(const std::string& path, int depth);
  bool has(const std::string& path) const;
  void check_room();

  std::vector<Entry> entries_;
  uint64_t copied_kibibytes_ = 0;
  std::string tmpfs_options_;
};

// Descriptors of the sources; to be made in the child's memory before it has less rights.
struct RootSources {
  int trees[RootPlan::kMaxEntries];
};

// Child side, in a new mount namespace, in this order. open_root_sources() while the process may still search every
// folder above the sources; enter_root() as the user that it will stay (the tmpfs belongs to it). Both return 0 or an
// errno; enter_root leaves the process in "/" of the new root, with nothing of the old one reachable.
int open_root_sources(const RootPlan& plan, RootSources& sources);
int enter_root(const RootPlan& plan, RootSources& sources);

}  // namespace caisson::sys
