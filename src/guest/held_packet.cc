// SPDX-License-Identifier: Apache-2.0

#include "guest/held_packet.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>

#include <cstring>

#include "guest/netlink_messages.h"

namespace caisson::guest {

std::optional<HeldPacket> parse_held_packet(std::span<const uint8_t> message) {
  constexpr size_t kFamilyBytes = NLMSG_ALIGN(sizeof(nfgenmsg));
  if (message.size() < kFamilyBytes) return std::nullopt;
  HeldPacket held;
  bool numbered = false;
  for_each_attribute(message.subspan(kFamilyBytes), [&](uint16_t type, std::span<const uint8_t> value) {
    if (type == NFQA_PACKET_HDR && value.size() >= sizeof(nfqnl_msg_packet_hdr)) {
      nfqnl_msg_packet_hdr packet{};
      std::memcpy(&packet, value.data(), sizeof packet);
      held.id = ntohl(packet.packet_id);
      numbered = true;
    } else if (type == NFQA_PAYLOAD) {
      held.payload = value;
    }
  });
  if (!numbered) return std::nullopt;
  return held;
}

}  // namespace caisson::guest
