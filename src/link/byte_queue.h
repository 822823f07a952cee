// SPDX-License-Identifier: Apache-2.0

// The bytes that a stream has received and nobody has read yet: one contiguous piece of memory that the transport reads
// straight into. Empty queues give their memory back to a small pool, so that thousands of idle streams cost nothing
// and a busy one works in memory that is in the cache; one that holds far less than its memory changes to a smaller
// piece, so that a reader which leaves a byte behind does not keep what once held a whole window.
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
  // At least `size` bytes, and not many times as much.
  QueueMemory take(size_t size);
  void give(QueueMemory memory);
  // Of all queues, and the spare blocks.
  size_t memory_bytes() const { return memory_bytes_; }

 private:
  std::vector<QueueMemory> spare_;
  size_t memory_bytes_ = 0;
};

class ByteQueue {
 public:
  explicit ByteQueue(std::shared_ptr<QueuePool> pool) : pool_(std::move(pool)) {}
  ~ByteQueue();
  ByteQueue(const ByteQueue&) = delete;
  ByteQueue& operator=(const ByteQueue&) = delete;

  size_t size() const { return tail_ - head_; }
  // The most that the pool's memory can grow by until `size` more bytes are in here, in whatever pieces they come.
  size_t most_growth(size_t size) const;
  // Room for `size` more bytes behind the last; it stays where it is, whatever take() does, until commit().
  std::span<uint8_t> prepare(size_t size);
  // The first `size` bytes of that room now belong to the queue.
  void commit(size_t size);
  // The bytes, the oldest first; valid until prepare() or what takes some away.
  std::span<const uint8_t> peek() const { return {memory_.bytes.get() + head_, size()}; }
  // Takes away the oldest bytes, as many as there are at most; returns how many.
  size_t drop(size_t most);
  // Moves the oldest bytes out; returns how many.
  size_t take(std::span<uint8_t> into);
  // Drops all bytes. The room of a prepare() stays.
  void clear();

 private:
  void release_if_empty();
  void change_memory(size_t size);

  std::shared_ptr<QueuePool> pool_;
  QueueMemory memory_;
  size_t head_ = 0;
  size_t tail_ = 0;
  bool prepared_ = false;
};

}  // namespace caisson::link
