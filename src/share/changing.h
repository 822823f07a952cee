// SPDX-License-Identifier: Apache-2.0

// What the requests that change names and files have in common.
#pragma once

#include <sys/inotify.h>

#include "share/entries.h"

namespace caisson::share {

// No setuid and no setgid, neither shown nor made.
inline constexpr mode_t shown_mode(uint32_t mode) {
  return static_cast<mode_t>(mode) & (S_IRWXU | S_IRWXG | S_IRWXO | S_ISVTX);
}

// What the guest asks for, of a file that had the mode `old`, or none. Other users of the host write to it only where
// they could: that is not the guest's to give.
inline constexpr mode_t file_mode(uint32_t mode, mode_t old = 0) {
  return shown_mode(mode) & ~(static_cast<mode_t>(S_IWGRP | S_IWOTH) & ~old);
}

// A folder stays one that its owner may list and enter: else names in it could not be looked for (folder_walk.h), and
// its mode could not be set any more.
inline constexpr mode_t folder_mode(uint32_t mode, mode_t old = 0) {
  return file_mode(mode, old) | S_IRUSR | S_IXUSR;
}

// Why the guest must not change what is in the file, or is said of it, or 0. `status` is the file's.
int may_change(Share& share, const OpenNode& file, const struct stat& status);

// A file was changed by the guest, just now: what is said of it next is no news to the guest. Its state by then.
struct stat note_own_change(Share& share, const NodeRef& node, int descriptor);

// A name in a folder, about to be made, replaced or removed.
//
// The host's kernel will say that it changed, as of any change; the guest knows it already. So what it will say is
// announced before the call, with expect(), and taken back at the end where the call was not done().
class Change {
 public:
  Change(Share& share, uint64_t folder, const std::string& name);
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;
  ~Change();

  // Why it must not be: the folder is none, the name is masked (EPERM).
  int errnum() const { return errnum_; }
  const OpenNode& folder() const { return folder_; }
  const std::string& name() const { return name_; }
  void expect(uint32_t event);
  void done() { expected_.clear(); }
  // Tells the guest of what the name is now.
  int tell(fuse_entry_out& entry);
  // What is there now. ENOENT also for what is hidden.
  int look(Looked& looked);
  // There is something that is hidden from the guest.
  bool is_hidden();

 private:
  Share& share_;
  std::string name_;
  OpenNode folder_;
  int errnum_ = 0;
  std::vector<uint32_t> expected_;
};

// OPEN, for a node that the guest knows.
int open_known(Share& share, uint64_t node, uint32_t flags, Output& output);
// Answers with a handle for what was opened.
int keep_open(Share& share, const OpenNode& file, base::Fd opened, uint32_t flags, Output& output);
// ESTALE for an open file that has become masked. To be asked before it is read or written: a system call only where
// names have changed meanwhile, or a second has passed.
int check_again(Share& share, Handle& handle);

}  // namespace caisson::share
