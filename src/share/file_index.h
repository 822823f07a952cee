// SPDX-License-Identifier: Apache-2.0

// Finds a node's slot by its file. A hash table with open addressing (linear probing, deletion by shifting back) of
// slot numbers alone, since a million nodes are usual: 8 bytes for each at most.
#pragma once

#include <cstdint>
#include <vector>

#include "share/node.h"

namespace caisson::share {

class FileIndex {
 public:
  FileIndex() : places_(kSmallest, kNoSlot) {}

  // `file_of(slot)` says which file a slot is of.
  template <typename FileOf>
  uint32_t find(const FileId& file, const FileOf& file_of) const {
    for (size_t at = home(file);; at = next(at)) {
      if (places_[at] == kNoSlot || file_of(places_[at]) == file) return places_[at];
    }
  }
  template <typename FileOf>
  void insert(uint32_t slot, const FileOf& file_of) {
    if ((count_ + 1) * 4 > places_.size() * 3) grow(file_of);
    place(slot, file_of(slot));
    ++count_;
  }
  template <typename FileOf>
  void erase(uint32_t slot, const FileOf& file_of) {
    size_t hole = home(file_of(slot));
    while (places_[hole] != slot) {
      if (places_[hole] == kNoSlot) return;
      hole = next(hole);
    }
    places_[hole] = kNoSlot;
    --count_;
    for (size_t at = next(hole); places_[at] != kNoSlot; at = next(at)) {
      const size_t wanted = home(file_of(places_[at]));
      // It stays where its home is between the hole and its place, around the end.
      const bool stays = hole <= at ? hole < wanted && wanted <= at : hole < wanted || wanted <= at;
      if (stays) continue;
      places_[hole] = places_[at];
      places_[at] = kNoSlot;
      hole = at;
    }
  }
  size_t size() const { return count_; }

 private:
  static constexpr size_t kSmallest = 1024;

  size_t next(size_t at) const { return (at + 1) & (places_.size() - 1); }
  size_t home(const FileId& file) const {
    // Inode numbers are often in sequence, and may be chosen by whoever makes files: multiplied, upper bits taken.
    const uint64_t mixed = (file.inode ^ (file.device << 48) ^ (file.device >> 16)) * 0x9E3779B97F4A7C15ULL;
    return static_cast<size_t>(mixed >> 20) & (places_.size() - 1);
  }
  void place(uint32_t slot, const FileId& file) {
    size_t at = home(file);
    while (places_[at] != kNoSlot) at = next(at);
    places_[at] = slot;
  }
  template <typename FileOf>
  void grow(const FileOf& file_of) {
    std::vector<uint32_t> old(places_.size() * 2, kNoSlot);
    old.swap(places_);
    for (const uint32_t slot : old) {
      if (slot != kNoSlot) place(slot, file_of(slot));
    }
  }

  std::vector<uint32_t> places_;
  size_t count_ = 0;
};

}  // namespace caisson::share
