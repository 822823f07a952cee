// SPDX-License-Identifier: Apache-2.0

#include "link/byte_queue.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace caisson::link {

namespace {

constexpr size_t kSmallestBytes = 4096;
constexpr size_t kMostSpares = 4;

}  // namespace

QueueMemory QueuePool::take(size_t size) {
  const auto fits = [size](const QueueMemory& memory) { return memory.size >= size; };
  // From the back: what was given last is still in the cache.
  const auto found = std::find_if(spare_.rbegin(), spare_.rend(), fits);
  if (found != spare_.rend()) {
    QueueMemory memory = std::move(*found);
    spare_.erase(std::next(found).base());
    return memory;
  }
  const size_t rounded = (std::max(size, kSmallestBytes) + kSmallestBytes - 1) / kSmallestBytes * kSmallestBytes;
  return {.bytes = std::make_unique_for_overwrite<uint8_t[]>(rounded), .size = rounded};
}

void QueuePool::give(QueueMemory memory) {
  if (spare_.size() < kMostSpares) spare_.push_back(std::move(memory));
}

std::span<uint8_t> ByteQueue::prepare(size_t size) {
  if (tail_ + size > memory_.size) {
    const size_t held = this->size();
    // Moving the bytes to the front is only worth it when that frees at least half: then each byte is moved once at
    // most.
    if (2 * (held + size) <= memory_.size) {
      std::memmove(memory_.bytes.get(), memory_.bytes.get() + head_, held);
    } else {
      QueueMemory larger = pool_->take(held == 0 ? size : 2 * (held + size));
      if (held > 0) std::memcpy(larger.bytes.get(), memory_.bytes.get() + head_, held);
      memory_ = std::move(larger);
    }
    head_ = 0;
    tail_ = held;
  }
  prepared_ = true;
  return {memory_.bytes.get() + tail_, size};
}

void ByteQueue::commit(size_t size) {
  tail_ += size;
  prepared_ = false;
  release_if_empty();
}

size_t ByteQueue::take(std::span<uint8_t> into) {
  const size_t taken = std::min(size(), into.size());
  if (taken > 0) std::memcpy(into.data(), memory_.bytes.get() + head_, taken);
  head_ += taken;
  release_if_empty();
  return taken;
}

void ByteQueue::clear() {
  head_ = tail_;
  release_if_empty();
}

void ByteQueue::release_if_empty() {
  if (head_ != tail_ || prepared_) return;
  head_ = tail_ = 0;
  if (memory_.bytes) pool_->give(std::move(memory_));
  memory_ = {};
}

}  // namespace caisson::link
