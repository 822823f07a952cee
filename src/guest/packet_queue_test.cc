// SPDX-License-Identifier: Apache-2.0

#include "guest/packet_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "link/link_for_test.h"

namespace caisson::guest {
namespace {

// What waits for packets learns that there will be none.
TEST(PacketQueue, ASocketThatBreaksIsAnError) {
  link::Loop loop;
  base::FdPair pipe = base::make_pipe();
  Descriptor broken(loop.executor(), std::move(pipe.first));  // no socket
  std::array<uint8_t, 64> buffer{};
  std::string error;
  loop.run({[&]() -> link::Task {
    auto take = [](std::span<const uint8_t>) { ADD_FAILURE() << "something was received"; };
    error = co_await link::error_of([&]() -> link::Task { co_await receive_packets(broken, buffer, take); });
  }});
  EXPECT_THAT(error, testing::StartsWith("cannot receive from 'packet queue': "));
}

}  // namespace
}  // namespace caisson::guest
