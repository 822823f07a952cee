// SPDX-License-Identifier: Apache-2.0

#include "base/host_port.h"

#include <gtest/gtest.h>

namespace caisson::base {
namespace {

TEST(HostPort, HasAnIpv6AddressInBrackets) {
  EXPECT_EQ(host_port("example.com", 443), "example.com:443");
  EXPECT_EQ(host_port("192.0.2.7", 65535), "192.0.2.7:65535");
  EXPECT_EQ(host_port("2001:db8::7", 0), "[2001:db8::7]:0");
  EXPECT_EQ(in_brackets_if_v6("::1"), "[::1]");
  EXPECT_EQ(in_brackets_if_v6("example.com"), "example.com");
}

}  // namespace
}  // namespace caisson::base
