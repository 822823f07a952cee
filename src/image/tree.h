// SPDX-License-Identifier: Apache-2.0

// A folder that is being filled from an archive nobody vouches for.
//
// Every path is resolved by the kernel with openat2(2) RESOLVE_IN_ROOT, which treats the folder as "/" of a chroot:
// absolute links, "..", and links that are swapped while we look all end inside it. What a name ends in is never
// followed: it is made with O_EXCL or *at calls on the parent's descriptor, after whatever was there was unlinked.
// Paths with ".." are refused although they could do no harm: no honest archive has them.
//
// With Ownership::kFaked the process must run under fakeroot(1): owners, modes, device nodes and file capabilities are
// set by the ordinary calls, which fakeroot records. With kPlain nothing of that is set; folders are 0700, files 0600,
// and device nodes are an error (archives of archives, and tests).
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace caisson::image {

enum class Ownership { kFaked, kPlain };

// Owner, mode and time of an entry.
struct Attributes {
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t mode = 0;  // permission bits with setuid, setgid and sticky
  timespec mtime{};
  std::vector<std::pair<std::string, std::string>> xattrs;
};

class Tree {
 public:
  // `folder` exists and is empty, or holds the layers below the one that comes.
  Tree(const std::string& folder, Ownership ownership);

  // Between begin_layer() and finish_layer() the tree remembers what this layer made, because whiteouts remove only
  // what was there before, and the times of the folders it touches, which finish_layer() sets at the end.
  void begin_layer();
  void finish_layer();

  // Each takes the entry's path as the archive has it; leading slashes and "." are dropped. What was there before is
  // replaced, but a folder stays when it is given as a folder again.
  void folder(std::string_view path, const Attributes& attributes);
  // The new file, open for writing; finish it with close_file().
  base::Fd file(std::string_view path);
  void close_file(std::string_view path, const base::Fd& file, uint64_t size, const Attributes& attributes);
  void symlink(std::string_view path, const std::string& target, const Attributes& attributes);
  // Another name for something in the tree; links at the end of `target` are not followed.
  void hard_link(std::string_view path, std::string_view target);
  // A FIFO, a character or a block device (kFaked only, but FIFOs).
  void node(std::string_view path, mode_t type, dev_t device, const Attributes& attributes);

  // `.wh.NAME` and `.wh..wh..opq` of the OCI image specification, "Whiteouts".
  void whiteout(std::string_view path);
  void opaque(std::string_view folder);

  // Whether `path` is a regular file (links followed inside the tree).
  bool has_file(std::string_view path) const;

 private:
  struct Place {
    int parent = -1;   // owned by the cache, valid until the next call
    std::string name;  // "" for the tree's own folder
  };
  struct FolderTime {
    std::string path;
    timespec mtime{};
  };

  Place place(std::string_view path);
  int open_parent(const std::vector<std::string>& parts);
  void make_parents(const std::vector<std::string>& parts);
  base::Fd open_below(const std::string& path, int flags) const;
  void remove(int parent, const std::string& name);
  void clear(int parent, const std::string& name, const struct stat& info);
  bool remove_older(int parent, const std::string& name, unsigned depth);
  void set_attributes(int parent, const std::string& name, const Attributes& attributes);
  void set_attributes_of(int file, std::string_view path, const Attributes& attributes) const;
  void set_link_attributes(int parent, const std::string& name, const Attributes& attributes) const;
  void set_xattrs(int fd, const Attributes& attributes) const;
  void remember(int parent, const std::string& name);
  void remember_time(int folder, const std::string& path);

  base::Fd root_;
  std::string name_;
  Ownership ownership_;
  std::string cached_path_;
  base::Fd cached_;
  std::unordered_set<ino_t> made_;  // inodes of this layer
  std::unordered_map<ino_t, FolderTime> folder_times_;
};

// The path's components without "." and empty ones. Throws for "..", NUL, a component over 255 or a path over 4095
// bytes.
std::vector<std::string> path_parts(std::string_view path);

}  // namespace caisson::image
