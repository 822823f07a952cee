// SPDX-License-Identifier: Apache-2.0

// Addresses of 127.0.0.0/8 that answer, refuse, or take no notice.

#include "gate/dial.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "gate/loopback_for_test.h"
#include "link/link_for_test.h"

namespace caisson::gate {
namespace {

using link::Task;
using namespace std::chrono_literals;

struct Dialling : testing::Test {
  Dialling() { EXPECT_EQ(::listen(server.fd.get(), 64), 0); }

  void make_black_holes(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) black_holes.emplace_back(IpAddress::v4(INADDR_LOOPBACK + 10 + i), server.port);
    for (const BlackHole& hole : black_holes) addresses.push_back(hole.address);
  }
  // The address that was connected to, or what the error says.
  std::string dial() {
    std::string got;
    loop.run({[&]() -> Task {
      try {
        const Dialled dialled = co_await dial_tcp(loop.executor(), addresses, server.port, limits);
        got = to_string(*dialled.address);
        EXPECT_TRUE(dialled.socket->is_open());
      } catch (const base::Error& error) {
        got = error.problem();
      }
    }});
    loop.settle();
    return got;
  }

  link::Loop loop;
  LoopbackSocket server;
  const IpAddress good = IpAddress::v4(INADDR_LOOPBACK);
  const IpAddress refuses = IpAddress::v4(INADDR_LOOPBACK + 1);
  std::vector<BlackHole> black_holes;
  std::vector<IpAddress> addresses;
  DialLimits limits{.stagger = 2ms};
};

TEST_F(Dialling, AnAddressThatDoesNotAnswerDoesNotHoldUpTheOthers) {
  // One after the other they would take longer than a test may.
  make_black_holes(20);
  addresses.push_back(good);
  size_t spare = 100;
  limits.spare = &spare;
  EXPECT_EQ(dial(), "127.0.0.1");
  EXPECT_EQ(spare, 100U);
}

TEST(DialOrder, HasTheFamiliesInTurn) {
  auto order = [](const std::vector<const char*>& texts) {
    std::vector<IpAddress> addresses;
    for (const char* text : texts) addresses.push_back(*IpAddress::parse(text));
    std::vector<std::string> ordered;
    for (const IpAddress& address : in_dial_order(addresses)) ordered.push_back(to_string(address));
    return ordered;
  };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(order({"2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2", "192.0.2.3"}),
            (Texts{"2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "192.0.2.3"}));
  EXPECT_EQ(order({"192.0.2.1", "192.0.2.2", "2001:db8::1"}), (Texts{"192.0.2.1", "2001:db8::1", "192.0.2.2"}));
  EXPECT_EQ(order({}), Texts());
}

TEST_F(Dialling, WhereSocketsAreFewOneTakesTheOthersPlace) {
  make_black_holes(2);
  addresses.push_back(good);
  size_t spare = 0;
  limits.spare = &spare;
  limits.patience = 5ms;
  EXPECT_EQ(dial(), "127.0.0.1");
  EXPECT_EQ(spare, 0U);
}

TEST_F(Dialling, AnAddressThatRefusesIsFollowedAtOnce) {
  addresses = {refuses, refuses, good};
  limits.stagger = 24h;
  EXPECT_EQ(dial(), "127.0.0.1");
}

TEST_F(Dialling, SaysWhyThereIsNone) {
  EXPECT_EQ(dial(), "there is no address to connect to");
  addresses = {refuses};
  EXPECT_NE(dial().find("cannot connect to '127.0.0.2:"), std::string::npos);
  addresses.clear();
  make_black_holes(2);
  limits.longest = 5ms;
  EXPECT_NE(dial().find("timed out"), std::string::npos);
}

TEST_F(Dialling, DatagramsGoToTheFirstAddressWithAWay) {
  // Not without SO_BROADCAST, or there is no way at all.
  const std::vector<IpAddress> both{IpAddress::v4(INADDR_BROADCAST), good};
  const Dialled dialled = dial_udp(loop.executor(), both, server.port);
  EXPECT_EQ(dialled.address, good);
  EXPECT_THROW(dial_udp(loop.executor(), {IpAddress::v4(INADDR_BROADCAST)}, server.port), base::Error);
}

}  // namespace
}  // namespace caisson::gate
