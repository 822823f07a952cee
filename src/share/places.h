// SPDX-License-Identifier: Apache-2.0

// Where the files are by now that the guest knows, and whether they are masked there.
//
// A node stays what it is when the host moves it, or a folder above it; what the masks say of it does not. So each node
// has the era in which its place was last known, and a new era begins when a folder was moved to where the masks say
// something else. What is old is asked for anew, when it is used next: by the path that the kernel has for its
// descriptor (proc(5)), or by the name that it was told under.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>

#include "share/masks.h"
#include "share/node_table.h"

namespace caisson::share {

class Places {
 public:
  // All are borrowed.
  Places(NodeTable& nodes, const Masks& masks, int root);

  // The one that it is. Each second is one where not all moves are seen.
  uint32_t era() const;
  // A number that is another one when an open file may have become masked: at the latest after a second.
  uint64_t doubts() const;

  // A folder was moved, and the masks say something else of what is in it.
  void moved();
  // A name was changed, or a masked one was met.
  void doubt() { ++doubts_; }
  // There is a folder whose changes are not told.
  void overlook() { overlooking_ = true; }

  // Notes where the node is, of which `descriptor` is one. ESTALE where it is masked, outside of the folder or not to
  // be found.
  int check(const NodeRef& node, int descriptor);

 private:
  std::optional<Masks::Step> place_of(const NodeRef& node, int descriptor, const struct stat& status);
  std::optional<Masks::Step> by_path(int descriptor, const struct stat& status);
  std::optional<Masks::Step> by_name(const NodeRef& node);
  std::optional<std::string> path_in_folder(const std::string& path);

  NodeTable& nodes_;
  const Masks& masks_;
  const int root_;
  std::atomic<uint32_t> moves_ = 0;
  std::atomic<uint64_t> doubts_ = 0;
  std::atomic<bool> overlooking_ = false;
  std::mutex mutex_;
  std::string top_;  // the folder's path, with a slash at its end
};

}  // namespace caisson::share
