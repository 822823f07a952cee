// SPDX-License-Identifier: Apache-2.0

#include "share/folder_listing.h"

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace caisson::share {
namespace {

// The kernel's struct linux_dirent64 (getdents64(2)), up to the name.
struct DirectoryEntry {
  uint64_t inode;
  int64_t next;
  uint16_t bytes;
  uint8_t type;
};
constexpr size_t kNameAt = offsetof(DirectoryEntry, type) + 1;

}  // namespace

int FolderListing::seek(uint64_t place) {
  if (place == place_ && begin_ < end_) return 0;
  begin_ = end_ = 0;
  if (::lseek(folder_, static_cast<off_t>(place), SEEK_SET) < 0) return errno;
  place_ = place;
  return 0;
}

bool FolderListing::next(Entry& entry, int& errnum) {
  errnum = 0;
  if (begin_ >= end_) {
    const long got = ::syscall(SYS_getdents64, folder_, buffer_.data(), buffer_.size());
    if (got < 0) errnum = errno;
    if (got <= 0) return false;
    begin_ = 0;
    end_ = static_cast<size_t>(got);
  }
  DirectoryEntry fixed{};
  std::memcpy(&fixed, buffer_.data() + begin_, kNameAt);
  entry.name = buffer_.data() + begin_ + kNameAt;
  entry.inode = fixed.inode;
  entry.next = static_cast<uint64_t>(fixed.next);
  entry.type = fixed.type;
  begin_ += fixed.bytes;
  place_ = entry.next;
  return true;
}

}  // namespace caisson::share
