// SPDX-License-Identifier: Apache-2.0

#include "guest/fuse_notices.h"

#include <linux/fuse.h>
#include <unistd.h>

#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <vector>

#include "base/detached_thread.h"

namespace caisson::guest {

struct FuseNotices::Shared {
  base::Fd device;
  std::shared_ptr<Mounted> mounted;

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::vector<uint8_t>> waiting;
  size_t bytes = 0;
  bool too_many = false;
  bool over = false;
};

namespace {

bool is_about_a_name(const std::vector<uint8_t>& message) {
  fuse_out_header header{};
  std::memcpy(&header, message.data(), sizeof header);
  return header.error == FUSE_NOTIFY_INVAL_ENTRY || header.error == FUSE_NOTIFY_DELETE;
}

}  // namespace

FuseNotices::FuseNotices(base::Fd device, std::shared_ptr<Mounted> mounted) : shared_(std::make_shared<Shared>()) {
  shared_->device = std::move(device);
  shared_->mounted = std::move(mounted);
}

FuseNotices::~FuseNotices() {
  const std::lock_guard lock(shared_->mutex);
  shared_->over = true;
  if (!started_) shared_->device.reset();
  shared_->changed.notify_all();
}

void FuseNotices::start_thread() {
  base::start_detached([shared = shared_] { serve(shared); });
  started_ = true;
}

void FuseNotices::add(std::span<const uint8_t> message) {
  if (!started_) start_thread();
  const std::lock_guard lock(shared_->mutex);
  if (shared_->bytes + message.size() > kMostBytes) {
    shared_->waiting.clear();
    shared_->bytes = 0;
    shared_->too_many = true;
  } else {
    shared_->waiting.emplace_back(message.begin(), message.end());
    shared_->bytes += message.size();
  }
  shared_->changed.notify_one();
}

void FuseNotices::serve(std::shared_ptr<Shared> shared) {
  std::unique_lock lock(shared->mutex);
  while (true) {
    shared->changed.wait(lock, [&] { return shared->over || shared->too_many || !shared->waiting.empty(); });
    if (shared->over) break;
    const std::deque<std::vector<uint8_t>> now = std::exchange(shared->waiting, {});
    const bool all = std::exchange(shared->too_many, false);
    shared->bytes = 0;
    lock.unlock();
    bool names = false;
    for (const std::vector<uint8_t>& message : now) {
      // What the kernel does not know (ENOENT) is not cached either, and on a device that is gone nothing is.
      [[maybe_unused]] const ssize_t put = ::write(shared->device.get(), message.data(), message.size());
      names = names || is_about_a_name(message);
    }
    if (all) shared->mounted->forget_all();
    if (names && !all) shared->mounted->forget_names();
    lock.lock();
  }
  shared->device.reset();
}

}  // namespace caisson::guest
