// SPDX-License-Identifier: Apache-2.0

// A file, folder or link that the guest knows: what it is (its device and inode), never where it is.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <ctime>
#include <string>

#include "base/fd.h"

namespace caisson::share {

struct FileId {
  uint64_t device = 0;
  uint64_t inode = 0;
  bool operator==(const FileId&) const = default;
};

struct FileIdHash {
  size_t operator()(const FileId& file) const {
    return static_cast<size_t>((file.inode ^ (file.device << 40)) * 0x9E3779B97F4A7C15ULL);
  }
};

inline FileId id_of(const struct stat& status) {
  return {.device = status.st_dev, .inode = status.st_ino};
}

inline int64_t nanoseconds(const timespec& time) {
  return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

// A change time is taken from a clock that ticks with the timer, a little behind the one that is asked for.
inline constexpr int64_t kClockTickNs = 20'000'000;

// The change time of a file that is looked at now, or 0 where a change right after this may leave it as it is.
inline int64_t settled_change_ns(const struct stat& status) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);  // no system call (vdso(7))
  const int64_t changed_ns = nanoseconds(status.st_ctim);
  return changed_ns + kClockTickNs < nanoseconds(now) ? changed_ns : 0;
}

// What a file's content depends on; equal means that it is the same content.
struct Content {
  int64_t changed_ns = 0;
  uint64_t bytes = 0;
  bool operator==(const Content&) const = default;
};

inline Content content_of(const struct stat& status) {
  return {.changed_ns = nanoseconds(status.st_ctim), .bytes = static_cast<uint64_t>(status.st_size)};
}

inline constexpr uint32_t kNoSlot = UINT32_MAX;
inline constexpr int kNoWatch = -1;
inline constexpr int kCannotWatch = -2;

// Owned and guarded by the NodeTable, but for what its users say.
struct Node {
  FileId file;
  uint64_t lookups = 0;  // how often the guest was told of it, less what it forgot
  // Where it was seen last: a hint by which it is found again after its descriptor was closed.
  uint64_t parent = 0;
  std::string name;
  Content seen;             // a regular file's, when the guest opened it last, or wrote to it
  uint64_t mask_state = 0;  // a folder's: which path patterns may match below it (masks.h)
  int64_t logged_ns = 0;    // the change time that the baseline log has
  int64_t placed_ns = 0;    // settled_change_ns() of when its place was last known, and the era of that (places.h)
  uint32_t placed_era = 0;
  base::Fd file_fd;          // O_PATH; none while it is closed to save descriptors
  uint32_t serial = 0;       // of the slot's users, so that an id is never used again
  uint32_t pins = 0;         // references by requests in flight
  uint32_t newer = kNoSlot;  // in the list of those with a descriptor, by use
  uint32_t older = kNoSlot;
  int watch = -1;     // a folder's inotify watch
  uint16_t type = 0;  // S_IFMT of its mode
  bool used = false;
  bool listed = false;
  bool token_holder = false;    // a .npmrc, whose content says whether it is masked
  bool own_change = false;      // `seen` is what the guest itself has made of it
  bool shared_by_lock = false;  // was locked: its attributes are asked for anew each time
};

}  // namespace caisson::share
