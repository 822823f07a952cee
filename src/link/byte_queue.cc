// SPDX-License-Identifier: Apache-2.0

#include "link/byte_queue.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace caisson::link {

namespace {

constexpr size_t kSmallestBytes = 4096;
constexpr size_t kMostSpares = 4;
// A queue that holds less than this part of its memory changes to a smaller piece; a spare block that is larger than so
// many times what is needed is not taken.
constexpr size_t kFar = 8;

size_t rounded(size_t size) {
  return (std::max(size, kSmallestBytes) + kSmallestBytes - 1) / kSmallestBytes * kSmallestBytes;
}

}  // namespace

QueueMemory QueuePool::take(size_t size) {
  const size_t needed = rounded(size);
  const auto fits = [needed](const QueueMemory& memory) {
    return memory.size >= needed && memory.size < kFar * needed;
  };
  // From the back: what was given last is still in the cache.
  const auto found = std::find_if(spare_.rbegin(), spare_.rend(), fits);
  if (found != spare_.rend()) {
    QueueMemory memory = std::move(*found);
    spare_.erase(std::next(found).base());
    return memory;
  }
  QueueMemory memory{.bytes = std::make_unique_for_overwrite<uint8_t[]>(needed), .size = needed};
  memory_bytes_ += needed;
  return memory;
}

void QueuePool::give(QueueMemory memory) {
  if (spare_.size() < kMostSpares) {
    spare_.push_back(std::move(memory));
  } else {
    memory_bytes_ -= memory.size;
  }
}

ByteQueue::~ByteQueue() {
  if (memory_.bytes) pool_->give(std::move(memory_));
}

size_t ByteQueue::most_growth(size_t size) const {
  // A block that is twice as large as what is in it, beside the one that its bytes come from.
  return 2 * rounded(2 * (this->size() + size));
}

std::span<uint8_t> ByteQueue::prepare(size_t size) {
  if (tail_ + size > memory_.size) {
    const size_t held = this->size();
    // Moving the bytes to the front is only worth it when that frees at least half: then each byte is moved once at
    // most.
    if (2 * (held + size) <= memory_.size) {
      std::memmove(memory_.bytes.get(), memory_.bytes.get() + head_, held);
    } else {
      change_memory(held == 0 ? size : 2 * (held + size));
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
  return drop(taken);
}

size_t ByteQueue::drop(size_t most) {
  const size_t dropped = std::min(size(), most);
  head_ += dropped;
  release_if_empty();
  // Only here: what has just come may be the beginning of more.
  if (size() > 0 && !prepared_ && memory_.size > kFar * rounded(size())) change_memory(size());
  return dropped;
}

void ByteQueue::clear() {
  head_ = tail_;
  release_if_empty();
}

// What is held moves to the front of another block.
void ByteQueue::change_memory(size_t size) {
  const size_t held = this->size();
  QueueMemory other = pool_->take(size);
  if (held > 0) std::memcpy(other.bytes.get(), memory_.bytes.get() + head_, held);
  if (memory_.bytes) pool_->give(std::move(memory_));
  memory_ = std::move(other);
  head_ = 0;
  tail_ = held;
}

void ByteQueue::release_if_empty() {
  if (head_ != tail_ || prepared_) return;
  head_ = tail_ = 0;
  if (memory_.bytes) pool_->give(std::move(memory_));
  memory_ = {};
}

}  // namespace caisson::link
