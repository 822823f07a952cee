// SPDX-License-Identifier: Apache-2.0

// Which connection a packet belongs to.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace caisson::guest {

struct Endpoint {
  uint8_t family = AF_INET;              // or AF_INET6
  std::array<uint8_t, 16> address = {};  // the first 4 bytes with AF_INET
  uint16_t port = 0;

  auto operator<=>(const Endpoint&) const = default;
  std::string address_text() const;
  socklen_t to_socket_address(sockaddr_storage& into) const;
  static Endpoint of(const sockaddr_storage& address);
};

struct FlowKey {
  uint8_t protocol = 0;  // IPPROTO_TCP or IPPROTO_UDP
  Endpoint source;
  Endpoint destination;

  auto operator<=>(const FlowKey&) const = default;
};

struct Packet {
  FlowKey flow;
  bool opens = false;  // a datagram, or a TCP segment with SYN and without ACK
};

// Of the beginning of an IPv4 or IPv6 packet (RFC 791, RFC 8200). Nothing for what is neither TCP nor UDP, is too
// short, or is a fragment without the ports. Extension headers of IPv6 are passed over as long as they are in `bytes`.
std::optional<Packet> parse_packet(std::span<const uint8_t> bytes);

}  // namespace caisson::guest
