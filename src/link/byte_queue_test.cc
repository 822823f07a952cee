// SPDX-License-Identifier: Apache-2.0

#include "link/byte_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

namespace caisson::link {
namespace {

void append(ByteQueue& queue, size_t size, uint8_t& next, size_t slack = 12) {
  const std::span<uint8_t> room = queue.prepare(size + slack);
  for (size_t i = 0; i < size; ++i) room[i] = next++;
  queue.commit(size);
}

TEST(ByteQueue, GivesBackWhatItGotInAnyRhythm) {
  auto pool = std::make_shared<QueuePool>();
  ByteQueue queue(pool);
  uint8_t written = 0;
  uint8_t read = 0;
  uint32_t random = 1;
  std::vector<uint8_t> out(40'000);
  for (int i = 0; i < 3000; ++i) {
    random = random * 1664525 + 1013904223;
    const size_t amount = (random >> 8) % 20'000;
    if (queue.size() < 256'000 && (random >> 30) != 0) append(queue, amount, written);
    const size_t before = queue.size();
    const size_t got = queue.take(std::span(out).first((random >> 4) % 30'000));
    ASSERT_EQ(queue.size(), before - got);
    for (size_t k = 0; k < got; ++k) ASSERT_EQ(out[k], read++);
  }
}

TEST(ByteQueue, RoomStaysWhereItIsWhileOthersRead) {
  auto pool = std::make_shared<QueuePool>();
  ByteQueue queue(pool);
  uint8_t next = 0;
  append(queue, 100, next);
  const std::span<uint8_t> room = queue.prepare(50);
  std::vector<uint8_t> out(100);
  EXPECT_EQ(queue.take(out), 100U);  // empty now, but the room is still being written to
  queue.clear();
  std::ranges::fill(room, uint8_t{9});
  queue.commit(50);
  EXPECT_EQ(queue.take(out), 50U);
  EXPECT_EQ(out[0], 9);
  EXPECT_EQ(out[49], 9);
}

TEST(ByteQueue, EmptyQueuesShareTheirMemory) {
  auto pool = std::make_shared<QueuePool>();
  ByteQueue first(pool);
  ByteQueue second(pool);
  uint8_t next = 0;
  const uint8_t* place = first.prepare(10).data();
  first.commit(0);
  EXPECT_EQ(second.prepare(10).data(), place);
  second.commit(0);
  append(first, 10, next);
  EXPECT_EQ(first.size(), 10U);
}

TEST(ByteQueue, ALastByteDoesNotKeepTheMemoryOfMany) {
  auto pool = std::make_shared<QueuePool>();
  std::deque<ByteQueue> queues;
  std::vector<uint8_t> out(262'143);
  uint8_t next = 0;
  for (int i = 0; i < 100; ++i) {
    ByteQueue& queue = queues.emplace_back(pool);
    append(queue, 262'144, next);
    EXPECT_EQ(queue.take(out), out.size());
  }
  EXPECT_LE(pool->memory_bytes(), 100 * size_t{4096} + 4 * (size_t{262'144} + 4096));
  for (ByteQueue& queue : queues) {
    EXPECT_EQ(queue.take(std::span(out).first(2)), 1U);
    EXPECT_EQ(out[0], 0xff);
  }
}

TEST(ByteQueue, AllItsMemoryIsCounted) {
  auto pool = std::make_shared<QueuePool>();
  uint8_t next = 0;
  {
    std::deque<ByteQueue> queues;
    for (int i = 0; i < 10; ++i) append(queues.emplace_back(pool), 100'000, next);
    EXPECT_GE(pool->memory_bytes(), 1'000'000U);
    queues.front().prepare(500'000);
    EXPECT_GE(pool->memory_bytes(), 1'500'000U);
  }
  // The spare blocks: of which one may be the large one.
  EXPECT_LE(pool->memory_bytes(), 3 * 200'000U + 2 * 600'000U + 4 * 4096U);
}

}  // namespace
}  // namespace caisson::link
