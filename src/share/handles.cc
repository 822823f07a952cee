// SPDX-License-Identifier: Apache-2.0

#include "share/handles.h"

namespace caisson::share {

uint64_t Handles::add(std::shared_ptr<Handle> handle) {
  const std::lock_guard lock(mutex_);
  if (handles_.size() >= limit_) return 0;
  handles_.emplace(++last_, std::move(handle));
  return last_;
}

std::shared_ptr<Handle> Handles::find(uint64_t number, uint64_t node) {
  const std::lock_guard lock(mutex_);
  const auto at = handles_.find(number);
  return at != handles_.end() && at->second->node == node ? at->second : nullptr;
}

void Handles::remove(uint64_t number) {
  std::shared_ptr<Handle> closed;  // behind the lock: close(2) may take its time
  const std::lock_guard lock(mutex_);
  const auto at = handles_.find(number);
  if (at == handles_.end()) return;
  closed = std::move(at->second);
  handles_.erase(at);
}

size_t Handles::size() {
  const std::lock_guard lock(mutex_);
  return handles_.size();
}

}  // namespace caisson::share
