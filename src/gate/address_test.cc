// SPDX-License-Identifier: Apache-2.0

#include "gate/address.h"

#include <gtest/gtest.h>

#include "gate/address_for_test.h"

namespace caisson::gate {
namespace {

using enum AddressKind;

Cidr net(std::string_view text) {
  const auto network = Cidr::parse(text);
  EXPECT_TRUE(network) << text;
  return network.value_or(Cidr(IpAddress()));
}

TEST(IpAddress, IsWrittenAsItIsRead) {
  for (const char* text : {"0.0.0.0", "192.0.2.7", "255.255.255.255", "::", "::1", "2001:db8::7", "64:ff9b::a00:1"}) {
    EXPECT_EQ(to_string(ip(text)), text);
  }
  EXPECT_EQ(to_string(ip("2001:DB8:0:0::7")), "2001:db8::7");
}

TEST(IpAddress, RefusesOtherSpellings) {
  for (const char* text : {"", "127.1", "0x7f.0.0.1", "010.0.0.1", "2130706433", "1.2.3.4 ", " 1.2.3.4", "1.2.3.256",
                           "[::1]", "fe80::1%eth0", "1.2.3", "::1::", "example.com"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("127.0.0.1\0x", 11)));
}

TEST(IpAddress, TakesAMappedAddressForTheIpv4One) {
  EXPECT_EQ(ip("::ffff:10.0.0.1"), ip("10.0.0.1"));
  EXPECT_TRUE(ip("::ffff:10.0.0.1").is_v4());
  EXPECT_EQ(ip("10.0.0.1").v4_host_order(), 0x0A000001U);
  EXPECT_FALSE(ip("::10.0.0.1").is_v4());
}

TEST(IpAddress, FindsTheAddressThatPacketsEndUpAt) {
  EXPECT_EQ(ip("64:ff9b::10.0.0.1").effective(), ip("10.0.0.1"));
  EXPECT_EQ(ip("2002:a00:1::5").effective(), ip("10.0.0.1"));
  EXPECT_EQ(ip("2001:0:4136:e378:8000:63bf:f5ff:fffe").effective(), ip("10.0.0.1"));  // inverted
  EXPECT_EQ(ip("2001:db8::1").effective(), ip("2001:db8::1"));
  EXPECT_EQ(ip("64:ff9b:1::10.0.0.1").effective(), ip("64:ff9b:1::a00:1"));
}

TEST(Cidr, IsWrittenAsItIsRead) {
  for (const char* text :
       {"10.0.0.0/8", "0.0.0.0/0", "::/0", "fd00::/8", "192.0.2.7", "2001:db8::7", "2001:db8::/33"}) {
    EXPECT_EQ(to_string(net(text)), text);
  }
  EXPECT_EQ(to_string(net("192.0.2.7/32")), "192.0.2.7");
  EXPECT_EQ(to_string(net("::ffff:10.0.0.0/104")), "10.0.0.0/8");
}

TEST(Cidr, RefusesWhatMeansSomethingElse) {
  for (const char* text :
       {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/+8", "10/8", "fd00::/129",
        "fd00::1/64", "/8", "10.0.0.0/8/8", "10.0.0.0/8 ", "::ffff:0.0.0.0/90"}) {
    EXPECT_FALSE(Cidr::parse(text)) << text;
  }
}

TEST(Cidr, ContainsByPrefix) {
  EXPECT_TRUE(net("10.0.0.0/8").contains(ip("10.255.0.1")));
  EXPECT_FALSE(net("10.0.0.0/8").contains(ip("11.0.0.0")));
  EXPECT_TRUE(net("192.168.128.0/17").contains(ip("192.168.255.255")));
  EXPECT_FALSE(net("192.168.128.0/17").contains(ip("192.168.127.255")));
  EXPECT_TRUE(net("10.0.0.0/8").contains(ip("::ffff:10.1.2.3")));
  EXPECT_TRUE(net("10.0.0.0/8").contains(net("10.1.0.0/16")));
  EXPECT_FALSE(net("10.1.0.0/16").contains(net("10.0.0.0/8")));
}

TEST(Cidr, OfOneFamilyContainsNothingOfTheOther) {
  EXPECT_FALSE(net("::/0").contains(ip("192.0.2.1")));
  EXPECT_FALSE(net("0.0.0.0/0").contains(ip("2001:db8::1")));
  EXPECT_TRUE(net("::/0").contains(ip("2001:db8::1")));
}

struct Case {
  const char* address;
  AddressKind kind;
};

TEST(Classify, KnowsTheRegistries) {
  constexpr Case kCases[] = {
      {"8.8.8.8", kPublic},         {"1.1.1.1", kPublic},           {"172.15.255.255", kPublic},
      {"172.32.0.0", kPublic},      {"100.63.255.255", kPublic},    {"100.128.0.0", kPublic},
      {"192.0.0.9", kPublic},       {"198.17.255.255", kPublic},    {"198.20.0.0", kPublic},
      {"223.255.255.255", kPublic}, {"2606:4700::1111", kPublic},   {"2001:3::1", kPublic},
      {"2001:200::1", kPublic},     {"0.0.0.0", kLoopback},         {"0.1.2.3", kReserved},
      {"10.0.0.0", kPrivate},       {"10.255.255.255", kPrivate},   {"172.16.0.0", kPrivate},
      {"172.31.255.255", kPrivate}, {"192.168.1.1", kPrivate},      {"100.64.0.1", kCarrierGrade},
      {"127.0.0.1", kLoopback},     {"127.255.255.254", kLoopback}, {"169.254.1.1", kLinkLocal},
      {"192.0.0.8", kReserved},     {"192.0.2.1", kReserved},       {"192.88.99.1", kReserved},
      {"198.18.0.1", kReserved},    {"198.19.255.255", kReserved},  {"198.51.100.1", kReserved},
      {"203.0.113.1", kReserved},   {"224.0.0.251", kMulticast},    {"239.255.255.250", kMulticast},
      {"240.0.0.1", kReserved},     {"255.255.255.255", kReserved}, {"::", kLoopback},
      {"::1", kLoopback},           {"::7f00:1", kReserved},  // the deprecated compatible form
      {"64:ff9b:1::1", kPrivate},   {"100::1", kReserved},          {"2001:2::1", kReserved},
      {"2001:10::1", kReserved},    {"2001:db8::1", kReserved},     {"3fff::1", kReserved},
      {"4000::1", kReserved},       {"5f00::1", kReserved},         {"8000::1", kReserved},
      {"fc00::1", kPrivate},        {"fdff::1", kPrivate},          {"fe80::1", kLinkLocal},
      {"fec0::1", kPrivate},        {"ff02::1", kMulticast},
  };
  for (const Case& one : kCases) EXPECT_EQ(classify(ip(one.address)), one.kind) << one.address;
}

TEST(Classify, KnowsTheMetadataServices) {
  for (const char* address : {"169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192",
                              "fd00:ec2::254", "fd20:ce::254", "fe80::a9fe:a9fe"}) {
    EXPECT_EQ(classify(ip(address)), kMetadata) << address;
  }
}

TEST(Classify, LooksThroughEmbeddings) {
  constexpr Case kCases[] = {
      {"::ffff:169.254.169.254", kMetadata},   {"64:ff9b::169.254.169.254", kMetadata},
      {"64:ff9b::127.0.0.1", kLoopback},       {"64:ff9b::8.8.8.8", kPublic},
      {"2002:7f00:1::1", kLoopback},           {"2002:808:808::1", kPublic},
      {"2001:0:1:2:3:4:80ff:fffe", kLoopback},
  };
  for (const Case& one : kCases) EXPECT_EQ(classify(ip(one.address)), one.kind) << one.address;
}

TEST(SpecialBlock, IsTheSmallestOne) {
  EXPECT_EQ(special_block(ip("10.1.2.3")), net("10.0.0.0/8"));
  EXPECT_EQ(special_block(ip("169.254.1.1")), net("169.254.0.0/16"));
  EXPECT_EQ(special_block(ip("169.254.169.254")), net("169.254.169.254"));
  EXPECT_EQ(special_block(ip("64:ff9b::10.1.2.3")), net("10.0.0.0/8"));
  EXPECT_EQ(special_block(ip("8.8.8.8")), std::nullopt);
  EXPECT_EQ(special_block(ip("192.0.0.9")), std::nullopt);
}

}  // namespace
}  // namespace caisson::gate
