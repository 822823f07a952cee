// SPDX-License-Identifier: Apache-2.0

// The states of files that the guest has seen, as lines of JSON: what is applied to a folder later overwrites no file
// that changed since the sandbox read it. A file that did not change since the workspace's first start needs no line.
#pragma once

#include <sys/stat.h>

#include <mutex>

#include "base/fd.h"

namespace caisson::share {

class Baseline {
 public:
  Baseline(base::Fd file, int64_t started_ns, size_t max_bytes);

  // Whether a file in that state belongs into the log.
  bool wants(const struct stat& status) const;
  // Appends a line, whole or not at all. Past the bound nothing is added: what is not in the log is a conflict later.
  void add(const struct stat& status);

 private:
  base::Fd file_;
  int64_t started_ns_;
  size_t left_;
  std::mutex mutex_;
};

}  // namespace caisson::share
