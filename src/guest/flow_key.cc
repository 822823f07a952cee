// SPDX-License-Identifier: Apache-2.0

#include "guest/flow_key.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cstring>

namespace caisson::guest {
namespace {

constexpr size_t kHeader4Bytes = 20;
constexpr size_t kHeader6Bytes = 40;
constexpr size_t kPortsBytes = 4;
constexpr size_t kTcpFlagsAt = 13;
constexpr int kMostExtensions = 8;

uint16_t be16_at(std::span<const uint8_t> bytes, size_t at) {
  return static_cast<uint16_t>((bytes[at] << 8) | bytes[at + 1]);
}

void set_addresses(FlowKey& flow, uint8_t family, std::span<const uint8_t> both) {
  const size_t size = both.size() / 2;
  flow.source.family = flow.destination.family = family;
  std::copy_n(both.begin(), size, flow.source.address.begin());
  std::copy_n(both.begin() + static_cast<std::ptrdiff_t>(size), size, flow.destination.address.begin());
}

std::optional<Packet> with_transport(Packet packet, std::span<const uint8_t> bytes) {
  if (bytes.size() < kPortsBytes) return std::nullopt;
  packet.flow.source.port = be16_at(bytes, 0);
  packet.flow.destination.port = be16_at(bytes, 2);
  if (packet.flow.protocol == IPPROTO_UDP) {
    packet.opens = true;
    return packet;
  }
  if (packet.flow.protocol != IPPROTO_TCP || bytes.size() <= kTcpFlagsAt) return std::nullopt;
  packet.opens = (bytes[kTcpFlagsAt] & (TH_SYN | TH_ACK | TH_RST)) == TH_SYN;
  return packet;
}

std::optional<Packet> parse4(std::span<const uint8_t> bytes) {
  if (bytes.size() < kHeader4Bytes) return std::nullopt;
  const size_t header = size_t{bytes[0] & 0x0fU} * 4;
  const bool later_fragment = (be16_at(bytes, 6) & IP_OFFMASK) != 0;
  if (header < kHeader4Bytes || header > bytes.size() || later_fragment) return std::nullopt;
  Packet packet;
  packet.flow.protocol = bytes[9];
  set_addresses(packet.flow, AF_INET, bytes.subspan(12, 8));
  return with_transport(packet, bytes.subspan(header));
}

bool is_extension(uint8_t next) {
  return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS;
}

std::optional<Packet> parse6(std::span<const uint8_t> bytes) {
  if (bytes.size() < kHeader6Bytes) return std::nullopt;
  Packet packet;
  set_addresses(packet.flow, AF_INET6, bytes.subspan(8, 32));
  uint8_t next = bytes[6];
  bytes = bytes.subspan(kHeader6Bytes);
  for (int count = 0; is_extension(next); ++count) {
    if (count == kMostExtensions || bytes.size() < 2) return std::nullopt;
    const size_t size = (size_t{bytes[1]} + 1) * 8;
    if (size > bytes.size()) return std::nullopt;
    next = bytes[0];
    bytes = bytes.subspan(size);
  }
  packet.flow.protocol = next;
  return with_transport(packet, bytes);
}

}  // namespace

std::string Endpoint::address_text() const {
  char text[INET6_ADDRSTRLEN];
  return ::inet_ntop(family, address.data(), text, sizeof text) != nullptr ? text : "";
}

socklen_t Endpoint::to_socket_address(sockaddr_storage& into) const {
  into = {};
  if (family == AF_INET) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&into);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    std::memcpy(&v4->sin_addr, address.data(), sizeof v4->sin_addr);
    return sizeof *v4;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&into);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  std::memcpy(&v6->sin6_addr, address.data(), sizeof v6->sin6_addr);
  return sizeof *v6;
}

Endpoint Endpoint::of(const sockaddr_storage& address) {
  Endpoint endpoint;
  if (address.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address);
    endpoint.port = ntohs(v4->sin_port);
    std::memcpy(endpoint.address.data(), &v4->sin_addr, sizeof v4->sin_addr);
    return endpoint;
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address);
  endpoint.port = ntohs(v6->sin6_port);
  // A listener for both families names an IPv4 peer in its IPv6 form (RFC 4291, section 2.5.5.2).
  if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
    std::memcpy(endpoint.address.data(), v6->sin6_addr.s6_addr + 12, 4);
  } else {
    endpoint.family = AF_INET6;
    std::memcpy(endpoint.address.data(), &v6->sin6_addr, sizeof v6->sin6_addr);
  }
  return endpoint;
}

std::optional<Packet> parse_packet(std::span<const uint8_t> bytes) {
  if (bytes.empty()) return std::nullopt;
  if (bytes[0] >> 4 == 4) return parse4(bytes);
  if (bytes[0] >> 4 == 6) return parse6(bytes);
  return std::nullopt;
}

}  // namespace caisson::guest
