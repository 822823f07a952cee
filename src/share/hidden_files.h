// SPDX-License-Identifier: Apache-2.0

// The files that masked names lead to: what is masked by one name is absent under every name.
//
// A file is known to be masked once its name was met, or by a walk over the whole folder. The walk is made when a
// regular file with more than one hard link is met that no walk could know yet: its links may have changed (its change
// time says so) since the last one began. So a folder without hard links is never walked.
//
// A masked file is held by an O_PATH descriptor, as long as there are few, so that its inode's number is not given to
// another file; of the others the time of birth is compared too, where the file system has one.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "base/fd.h"
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
  // The file is known not to be masked, in this state: the guest itself changed it.
  void clear(const struct stat& status);
  // Whether anything by this number is known: a first question that costs nothing.
  bool may_hide(const FileId& file);
  size_t size();

 private:
  struct Known {
    int64_t born_ns = 0;
    base::Fd held;
  };
  struct Hash {
    size_t operator()(const FileId& file) const {
      return static_cast<size_t>((file.inode ^ (file.device << 40)) * 0x9E3779B97F4A7C15ULL);
    }
  };
  bool remember(const FileId& file, Known known);
  bool is_cleared(const struct stat& status);
  void walk();
  void walked_over(int folder, const std::string& name);

  const Masks& masks_;
  const int root_;
  const size_t held_limit_;
  std::mutex walking_;  // taken before mutex_
  std::mutex mutex_;
  std::unordered_map<FileId, Known, Hash> known_;
  size_t held_ = 0;
  std::unordered_map<FileId, int64_t, Hash> cleared_;  // with the change time
  int64_t walked_ns_ = INT64_MIN;                      // when the last walk began
  bool complete_ = true;                               // it met no bound
};

}  // namespace caisson::share
