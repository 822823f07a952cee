// SPDX-License-Identifier: Apache-2.0

// The bytes that a stream has received and nobody has read yet: one contiguous piece of memory that the transport reads
// straight into. Empty queues give their memory back to a small pool, so that thousands of idle streams cost nothing
// and a busy one works in memory that is in the cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace caisson::link {

struct QueueMemory {
  std::unique_ptr<uint8_t[]> bytes;
  size_t size = 0;
};

class QueuePool {
 public:
  // At least `size` bytes.
  QueueMemory take(size_t size);
  void give(QueueMemory memory);

 private:
  std::vector<QueueMemory> spare_;
};

class ByteQueue {
 public:
  explicit ByteQueue(std::shared_ptr<QueuePool> pool) : pool_(std::move(pool)) {}
  ~ByteQueue() { clear(); }
  ByteQueue(const ByteQueue&) = delete;
  ByteQueue& operator=(const ByteQueue&) = delete;

  size_t size() const { return tail_ - head_; }
  // Room for `size` more bytes behind the last; it stays where it is, whatever take() does, until commit().
  std::span<uint8_t> prepare(size_t size);
  // The first `size` bytes of that room now belong to the queue.
  void commit(size_t size);
  // Moves the oldest bytes out; returns how many.
  size_t take(std::span<uint8_t> into);
  // Drops all bytes. The room of a prepare() stays.
  void clear();

 private:
  void release_if_empty();

  std::shared_ptr<QueuePool> pool_;
  QueueMemory memory_;
  size_t head_ = 0;
  size_t tail_ = 0;
  bool prepared_ = false;
};

}  // namespace caisson::link
