// SPDX-License-Identifier: Apache-2.0

#include "gate/own_address.h"

#include <gtest/gtest.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/resource.h>

#include <memory>

#include "base/scope.h"
#include "gate/address_for_test.h"

namespace caisson::gate {
namespace {

TEST(OwnAddress, IsWhatAnInterfaceHas) {
  ifaddrs* list = nullptr;
  ASSERT_EQ(::getifaddrs(&list), 0);
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> all(list, ::freeifaddrs);
  int seen = 0;
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET || (one->ifa_flags & IFF_UP) == 0) continue;
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(one->ifa_addr);
    const IpAddress address = IpAddress::v4(ntohl(v4->sin_addr.s_addr));
    EXPECT_TRUE(is_own_address(address)) << to_string(address);
    ++seen;
  }
  EXPECT_GT(seen, 0);
}

TEST(OwnAddress, IsWhatAnAddressThatEmbedsItLeadsTo) {
  for (const char* text : {"127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::5",
                           "2001:0:4136:e378:8000:63bf:80ff:fffe"}) {
    EXPECT_TRUE(is_own_address(ip(text))) << text;
  }
}

// Of networks for documentation.
TEST(OwnAddress, IsNotWhatIsElsewhereOrNowhere) {
  for (const char* text : {"198.51.100.7", "203.0.113.7", "2001:db8::7", "64:ff9b::203.0.113.7", "2002:cb00:7107::1"})
    EXPECT_FALSE(is_own_address(ip(text))) << text;
}

TEST(OwnAddress, IsAnyWhereTheKernelCannotBeAsked) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const base::Scope restore([&] { ::setrlimit(RLIMIT_NOFILE, &before); });
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  EXPECT_TRUE(is_own_address(ip("203.0.113.7")));
}

TEST(ClassifyHere, KeepsTheCloserWord) {
  EXPECT_EQ(classify_here(ip("127.0.0.1")), AddressKind::kLoopback);
  EXPECT_EQ(classify_here(ip("169.254.169.254")), AddressKind::kMetadata);
  EXPECT_EQ(classify_here(ip("203.0.113.7")), AddressKind::kReserved);
}

}  // namespace
}  // namespace caisson::gate
