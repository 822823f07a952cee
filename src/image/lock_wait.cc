// SPDX-License-Identifier: Apache-2.0

#include "image/lock_wait.h"

namespace caisson::image {

base::FileLock acquire_with_progress(const std::string& path, std::string_view what, base::Progress& progress) {
  if (auto lock = base::FileLock::try_acquire(path)) return std::move(*lock);
  progress.step(what);
  return base::FileLock::acquire(path);
}

}  // namespace caisson::image
