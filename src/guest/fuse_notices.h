// SPDX-License-Identifier: Apache-2.0

// Hands the host's notices (that something has changed there) to the kernel, on a thread of its own: to invalidate a
// name the kernel takes the folder's lock, which a process may hold that waits for an answer from the host. Whoever
// brings answers must not wait for it.
//
// At most kMostBytes of notices wait. Beyond it they are forgotten, and so is everything that the kernel has cached.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/fd.h"
#include "guest/workspace_mounts.h"

namespace caisson::guest {

class FuseNotices {
 public:
  static constexpr size_t kMostBytes = 256U << 10;

  FuseNotices(base::Fd device, std::shared_ptr<Mounted> mounted);
  // The thread ends by itself; one that waits in the kernel when it is disconnected.
  ~FuseNotices();
  FuseNotices(const FuseNotices&) = delete;
  FuseNotices& operator=(const FuseNotices&) = delete;

  // A message whose `unique` is 0. Never waits.
  void add(std::span<const uint8_t> message);

 private:
  struct Shared;
  static void serve(std::shared_ptr<Shared> shared);
  void start_thread();

  std::shared_ptr<Shared> shared_;
  bool started_ = false;
};

}  // namespace caisson::guest
