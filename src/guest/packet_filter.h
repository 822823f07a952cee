// SPDX-License-Identifier: Apache-2.0

// The nf_tables rules that hand the guest's connections to init, the containers' too. They are plumbing, not
// protection: a guest that removes them has no network, and gains none.
//
// A packet that would leave by the dummy device is held in a queue (nfnetlink_queue) until init has asked the gate. So
// a connection is made, or refused, only when its fate is known:
//
//   allowed   gets kAllowedMark, which the routing rule of network.cc sends to the loopback device; there TPROXY (for a
//             container a redirect) gives a TCP connection to init's listener, and a datagram finds the socket that
//             init has made for its flow. Those sockets are transparent (IP_TRANSPARENT): their local address is the
//             one that the client asked for.
//   refused   gets kRefusedMark: TCP is answered by a reset, a datagram by "port unreachable"
//   neither TCP nor UDP   is answered by "administratively prohibited"
//
// Sources: nft(8), Linux Documentation/networking/tproxy.rst, include/uapi/linux/netfilter/nf_tables.h.
#pragma once

// Before any of the kernel's headers, which then leave out what it defines.
#include <netinet/in.h>

#include <cstdint>

namespace caisson::guest {

inline constexpr uint32_t kAllowedMark = 0x43534e01;
inline constexpr uint32_t kRefusedMark = 0x43534e02;
inline constexpr uint16_t kEgressQueue = 4353;
inline constexpr uint16_t kEgressPort = 4353;  // init's TCP listener for what is allowed

struct FilterDevices {
  int loopback = 0;
  int outward = 0;  // the dummy
};

// All rules at once or none. Throws base::Error.
void install_packet_filter(FilterDevices devices);

}  // namespace caisson::guest
