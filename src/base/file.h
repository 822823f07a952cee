// SPDX-License-Identifier: Apache-2.0

// Small files as a whole: read, replaced atomically, locked.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace caisson::base {

// The file's whole content; larger than `max_bytes` is an Error.
std::string read_file(const std::string& path, size_t max_bytes = 16U << 20);
// The same, or nothing where there is no such file.
std::optional<std::string> read_file_if_exists(const std::string& path, size_t max_bytes = 16U << 20);

// The last line of an open file, without blanks around it, of no more than its last `max_bytes`; "" where there is
// none.
std::string last_line(int fd, size_t max_bytes);

// Replaces `path` so that a reader, or a crash, sees the old or the new content and never a part: written beside it,
// synced, renamed, the folder synced.
void write_file_atomic(const std::string& path, std::string_view content, unsigned mode = 0600);

// mkdir -p with mode 0700 for what it makes.
void make_folders(const std::string& path);

// An exclusive lock on a file, which is made when missing; given back when the object goes. The lock belongs to the
// open file, so it ends with the process, however that ends. It is an "open file description lock" (fcntl(2),
// F_OFD_SETLK), not a flock(2): only the former can be asked about without taking it for a moment, which would make
// another's try_acquire fail.
class FileLock {
 public:
  // Waits for it.
  static FileLock acquire(const std::string& path);
  // Nothing where another holds it.
  static std::optional<FileLock> try_acquire(const std::string& path);
  // Whether somebody holds it now. False where the file does not exist.
  static bool is_held(const std::string& path);

  int fd() const { return fd_.get(); }

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace caisson::base
