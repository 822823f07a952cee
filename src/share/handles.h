// SPDX-License-Identifier: Apache-2.0

// The files and folders that the guest has open. A handle is a descriptor that was opened from its node's, so it stays
// what it is whatever happens to names.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/fd.h"
#include "share/folder_listing.h"

namespace caisson::share {

struct Handle {
  base::Fd file;
  uint64_t node = 0;
  bool writable = false;
  bool append = false;
  // When it was last looked at whether it is masked by now: Places::doubts(), settled_change_ns(), and the era.
  std::atomic<uint64_t> doubts = 0;
  std::atomic<int64_t> settled_ns = 0;
  std::atomic<uint32_t> era = 0;
  // A folder's. One reader at a time.
  std::unique_ptr<FolderListing> listing = {};
  std::mutex reading = {};
};

class Handles {
 public:
  explicit Handles(size_t limit) : limit_(limit) {}

  // Its number, or 0 where there are too many.
  uint64_t add(std::shared_ptr<Handle> handle);
  // The handle of that number if it is the node's, else null.
  std::shared_ptr<Handle> find(uint64_t number, uint64_t node);
  void remove(uint64_t number);
  size_t size();

 private:
  std::mutex mutex_;
  size_t limit_;
  uint64_t last_ = 0;
  std::unordered_map<uint64_t, std::shared_ptr<Handle>> handles_;
};

}  // namespace caisson::share
