// SPDX-License-Identifier: Apache-2.0

#include "guest/flow_key.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace caisson::guest {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

Bytes address(int family, const char* text) {
  Bytes bytes(family == AF_INET ? 4 : 16);
  EXPECT_EQ(::inet_pton(family, text, bytes.data()), 1);
  return bytes;
}

Bytes header4(uint8_t protocol, const Bytes& options = {}) {
  const auto words = static_cast<uint8_t>(5 + options.size() / 4);
  return Bytes{static_cast<uint8_t>(0x40 | words), 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0} +
         address(AF_INET, "100.64.0.2") + address(AF_INET, "198.18.0.7") + options;
}

Bytes header6(uint8_t next) {
  return Bytes{0x60, 0, 0, 0, 0, 0, next, 64} + address(AF_INET6, "fd43:5341::2") + address(AF_INET6, "2001:db8::7");
}

Bytes tcp(uint8_t flags) {
  return {0x9c, 0x40, 0x01, 0xbb, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0};
}
const Bytes kUdp{0x9c, 0x40, 0x00, 0x35, 0, 8, 0, 0};
constexpr uint8_t kSyn = 2;
constexpr uint8_t kAck = 16;

TEST(ParsePacket, SaysWhichConnectionATcpPacketOpens) {
  const auto packet = parse_packet(header4(IPPROTO_TCP) + tcp(kSyn));
  ASSERT_TRUE(packet);
  EXPECT_TRUE(packet->opens);
  EXPECT_EQ(packet->flow.source.address_text(), "100.64.0.2");
  EXPECT_EQ(packet->flow.source.port, 40000);
  EXPECT_EQ(packet->flow.destination.address_text(), "198.18.0.7");
  EXPECT_EQ(packet->flow.destination.port, 443);
}

TEST(ParsePacket, OnlyASynOpens) {
  EXPECT_FALSE(parse_packet(header4(IPPROTO_TCP) + tcp(kAck))->opens);
  EXPECT_FALSE(parse_packet(header4(IPPROTO_TCP) + tcp(kSyn | kAck))->opens);
}

TEST(ParsePacket, PassesOverOptionsAndExtensions) {
  EXPECT_EQ(parse_packet(header4(IPPROTO_UDP, {1, 1, 1, 1}) + kUdp)->flow.destination.port, 53);
  const Bytes hop_by_hop{IPPROTO_UDP, 0, 0, 0, 0, 0, 0, 0};
  const auto packet = parse_packet(header6(IPPROTO_HOPOPTS) + hop_by_hop + kUdp);
  ASSERT_TRUE(packet);
  EXPECT_TRUE(packet->opens);
  EXPECT_EQ(packet->flow.destination.address_text(), "2001:db8::7");
  EXPECT_EQ(packet->flow.destination.port, 53);
}

TEST(ParsePacket, RefusesWhatHasNoPorts) {
  EXPECT_FALSE(parse_packet({}));
  EXPECT_FALSE(parse_packet(header4(IPPROTO_ICMP) + kUdp));
  Bytes fragment = header4(IPPROTO_UDP) + kUdp;
  fragment[7] = 1;  // not the first
  EXPECT_FALSE(parse_packet(fragment));
  Bytes endless = header6(IPPROTO_HOPOPTS);
  for (int i = 0; i < 20; ++i) endless = endless + Bytes{IPPROTO_HOPOPTS, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_FALSE(parse_packet(endless));
}

TEST(ParsePacket, EveryBeginningOfAPacketIsRefused) {
  for (const Bytes& whole : {header4(IPPROTO_TCP) + tcp(kSyn), header6(IPPROTO_UDP) + kUdp}) {
    const size_t needed = whole[0] == 0x45 ? 34 : 44;
    for (size_t size = 0; size < needed; ++size)
      EXPECT_FALSE(parse_packet(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)))) << size;
  }
}

TEST(Endpoint, IsTheSameAsASocketsAddress) {
  for (const auto& [family, text] : {std::pair{AF_INET, "192.0.2.1"}, std::pair{AF_INET6, "2001:db8::1"}}) {
    Endpoint endpoint{.family = static_cast<uint8_t>(family), .address = {}, .port = 8080};
    const Bytes bytes = address(family, text);
    std::memcpy(endpoint.address.data(), bytes.data(), bytes.size());
    sockaddr_storage storage;
    endpoint.to_socket_address(storage);
    EXPECT_EQ(Endpoint::of(storage), endpoint);
  }
}

TEST(Endpoint, AMappedAddressIsTheIpv4One) {
  sockaddr_storage storage{};
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(80);
  ASSERT_EQ(::inet_pton(AF_INET6, "::ffff:192.0.2.1", &v6->sin6_addr), 1);
  const Endpoint endpoint = Endpoint::of(storage);
  EXPECT_EQ(endpoint.family, AF_INET);
  EXPECT_EQ(endpoint.address_text(), "192.0.2.1");
}

}  // namespace
}  // namespace caisson::guest
