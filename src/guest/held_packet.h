// SPDX-License-Identifier: Apache-2.0

// What the kernel's packet queue says of a packet that it holds (nfnetlink_queue). The packet in it is whatever a
// process of the guest or of a container has made.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace caisson::guest {

struct HeldPacket {
  uint32_t id = 0;                   // to decide about it
  std::span<const uint8_t> payload;  // the packet's beginning; empty where there is none. In the message
};

// `message`: the payload of a netlink message. Nothing where it has no number.
std::optional<HeldPacket> parse_held_packet(std::span<const uint8_t> message);

}  // namespace caisson::guest
