// SPDX-License-Identifier: Apache-2.0

#include "gate/host_resolver.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

namespace caisson::gate {
namespace {

TEST(HostResolverTest, ManyWhoAskForOneNameShareALookUp) {
  asio::io_context io;
  HostResolver resolver(io.get_executor());
  constexpr size_t kAsking = 3 * HostResolver::kMostWaiting;
  size_t found = 0;
  for (size_t i = 0; i < kAsking; ++i) {
    auto ask = [&]() -> asio::awaitable<void> {
      const Resolved resolved = co_await resolver.resolve("localhost");
      if (!resolved.addresses.empty()) ++found;
    };
    asio::co_spawn(io, ask, asio::detached);
  }
  io.run();
  EXPECT_EQ(found, kAsking);
  // The next one is a look-up of its own.
  asio::co_spawn(
      io, [&]() -> asio::awaitable<void> { found = (co_await resolver.resolve("localhost")).addresses.size(); },
      asio::detached);
  io.restart();
  io.run();
  EXPECT_GE(found, 1U);
  EXPECT_LE(found, HostResolver::kMostAddresses);
}

}  // namespace
}  // namespace caisson::gate
