// SPDX-License-Identifier: Apache-2.0

// The entries of an open folder, from any place in it on (getdents64(2)).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"

namespace caisson::share {

struct Entry {
  std::string name;
  uint64_t inode = 0;
  uint64_t next = 0;  // where the one behind it begins
  uint8_t type = 0;   // DT_*
};

class FolderListing {
 public:
  // Borrows the descriptor.
  explicit FolderListing(int folder) : folder_(folder), buffer_(kBufferBytes) {}

  // Goes to a place that an entry's `next` named; 0 is the beginning. An errno.
  int seek(uint64_t place);
  // The next entry; false at the end, or with an errno.
  bool next(Entry& entry, int& errnum);

 private:
  static constexpr size_t kBufferBytes = 32 << 10;
  int folder_;
  std::vector<char> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  uint64_t place_ = 0;
};

}  // namespace caisson::share
