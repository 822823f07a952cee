// SPDX-License-Identifier: Apache-2.0

#include "image/lock_wait.h"

#include <chrono>
#include <future>

namespace caisson::image {

base::FileLock acquire_with_progress(const std::string& path, std::string_view what, base::Progress& progress) {
  if (auto lock = base::FileLock::try_acquire(path)) return std::move(*lock);
  progress.step(what);
  const auto start = std::chrono::steady_clock::now();
  // flock(2) can't be waited for with a limit, so a thread waits and this one tells.
  auto waiting = std::async(std::launch::async, [&] { return base::FileLock::acquire(path); });
  while (waiting.wait_for(std::chrono::milliseconds(400)) == std::future_status::timeout) {
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start).count();
    progress.update(-1, std::to_string(seconds) + " s");
  }
  return waiting.get();
}

}  // namespace caisson::image
