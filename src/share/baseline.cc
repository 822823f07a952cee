// SPDX-License-Identifier: Apache-2.0

#include "share/baseline.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "share/node.h"

namespace caisson::share {

Baseline::Baseline(base::Fd file, int64_t started_ns, size_t max_bytes)
    : file_(std::move(file)), started_ns_(started_ns), left_(max_bytes) {
  struct stat status {};
  if (file_ && ::fstat(file_.get(), &status) == 0)
    left_ -= std::min<size_t>(left_, static_cast<size_t>(status.st_size));
}

bool Baseline::wants(const struct stat& status) const {
  return file_ && nanoseconds(status.st_ctim) >= started_ns_;
}

void Baseline::add(const struct stat& status) {
  const std::string line =
      fmt::format("{{\"device\":{},\"inode\":{},\"size\":{},\"mtime_ns\":{},\"ctime_ns\":{}}}\n", status.st_dev,
                  status.st_ino, status.st_size, nanoseconds(status.st_mtim), nanoseconds(status.st_ctim));
  const std::lock_guard lock(mutex_);
  if (line.size() > left_) {
    if (left_ > 0) std::fprintf(stderr, "caisson-share: the log of what the guest has read is full\n");
    left_ = 0;
    return;
  }
  left_ -= line.size();
  // A line that was cut short, on a full disk, spoils the next one as well: what they say is then not in the log.
  if (::write(file_.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    std::fprintf(stderr, "caisson-share: cannot write the log of what the guest has read\n");
}

}  // namespace caisson::share
