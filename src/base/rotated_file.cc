// SPDX-License-Identifier: Apache-2.0

#include "base/rotated_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"

namespace caisson::base {

RotatedFile::RotatedFile(std::string path, size_t max_bytes) : path_(std::move(path)), max_bytes_(max_bytes) {
  file_ = open_file(path_, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW);
  struct stat info {};
  if (::fstat(file_.get(), &info) != 0) throw system_error("cannot look at", path_);
  size_ = static_cast<size_t>(info.st_size);
}

void RotatedFile::rotate() {
  // It is gone where there was no room for the new one the last time.
  if (::rename(path_.c_str(), (path_ + ".1").c_str()) != 0 && errno != ENOENT)
    throw system_error("cannot rename", path_);
  file_ = open_file(path_, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW);
  size_ = 0;
}

void RotatedFile::append(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    try {
      if (size_ >= max_bytes_) rotate();
      const size_t part = std::min(bytes.size(), max_bytes_ - size_);
      write_all(file_.get(), {bytes.data(), part}, path_);
      size_ += part;
      bytes.remove_prefix(part);
    } catch (const Error&) {
      lost_ += bytes.size();
      return;
    }
  }
}

bool RotatedFile::append_line(std::string_view line) noexcept {
  if (line.size() > max_bytes_) return false;
  try {
    if (size_ + line.size() > max_bytes_) rotate();
    write_all(file_.get(), {line.data(), line.size()}, path_);
    size_ += line.size();
    return true;
  } catch (const Error&) {
    // A part may have had room. Nobody else writes to it; what cannot be cut off is a line that no reader takes.
    static_cast<void>(::ftruncate(file_.get(), static_cast<off_t>(size_)) == 0);
    return false;
  }
}

}  // namespace caisson::base
