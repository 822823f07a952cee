// SPDX-License-Identifier: Apache-2.0

#include "base/rotated_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"

namespace caisson::base {

RotatedFile::RotatedFile(std::string path, size_t max_bytes) : path_(std::move(path)), max_bytes_(max_bytes) {
  file_ = open_file(path_, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW);
  struct stat info {};
  if (::fstat(file_.get(), &info) != 0) throw system_error("cannot look at", path_);
  size_ = static_cast<size_t>(info.st_size);
}

void RotatedFile::rotate() {
  if (::rename(path_.c_str(), (path_ + ".1").c_str()) != 0) throw system_error("cannot rename", path_);
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

}  // namespace caisson::base
