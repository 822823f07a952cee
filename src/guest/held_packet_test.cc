// SPDX-License-Identifier: Apache-2.0

#include "guest/held_packet.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>

#include <vector>

#include "guest/netlink.h"

namespace caisson::guest {
namespace {

// A message of the queue as the kernel makes it, without its header.
class Message {
 public:
  Message& number(uint32_t id) {
    nfqnl_msg_packet_hdr header{};
    header.packet_id = htonl(id);
    request_.attribute(NFQA_PACKET_HDR, &header, sizeof header);
    return *this;
  }
  Message& attribute(uint16_t type, const std::vector<uint8_t>& value) {
    request_.attribute(type, value.data(), value.size());
    return *this;
  }
  std::vector<uint8_t> bytes() {
    const std::string all = std::move(request_).finish(1);
    return {all.begin() + NLMSG_HDRLEN, all.end()};
  }

 private:
  NetlinkRequest request_{0, 0, nfgenmsg{}};
};

TEST(HeldPacket, HasItsNumberAndItsBeginning) {
  // The alignment behind the odd payload is not its.
  const std::vector<uint8_t> message = Message()
                                           .number(0x01020304)
                                           .attribute(NFQA_IFINDEX_INDEV, {0, 0, 0, 1})
                                           .attribute(NFQA_PAYLOAD, {0x45, 0, 1})
                                           .bytes();
  const auto held = parse_held_packet(message);
  ASSERT_TRUE(held);
  EXPECT_EQ(held->id, 0x01020304U);
  EXPECT_EQ(std::vector<uint8_t>(held->payload.begin(), held->payload.end()), (std::vector<uint8_t>{0x45, 0, 1}));
}

TEST(HeldPacket, MayHaveNoPayload) {
  const std::vector<uint8_t> message = Message().number(7).bytes();
  const auto held = parse_held_packet(message);
  ASSERT_TRUE(held);
  EXPECT_TRUE(held->payload.empty());
}

TEST(HeldPacket, IsNoneWithoutANumber) {
  EXPECT_FALSE(parse_held_packet({}));
  EXPECT_FALSE(parse_held_packet(Message().attribute(NFQA_PAYLOAD, {0x45}).bytes()));
  EXPECT_FALSE(parse_held_packet(Message().attribute(NFQA_PACKET_HDR, {0, 0, 1}).bytes()));
}

TEST(HeldPacket, EveryBeginningIsReadWithinItself) {
  const std::vector<uint8_t> whole =
      Message().number(7).attribute(NFQA_PAYLOAD, std::vector<uint8_t>(60, 0x45)).bytes();
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const auto held = parse_held_packet(cut);
    // An attribute of which a part is missing is none.
    EXPECT_TRUE(!held || held->payload.empty()) << size;
  }
}

TEST(HeldPacket, AnAttributesLengthIsNotBelieved) {
  std::vector<uint8_t> message = Message().number(7).attribute(NFQA_PAYLOAD, {1, 2, 3, 4}).bytes();
  const size_t length_at = message.size() - 8;
  for (const uint8_t wrong : {0, 3, 9, 255}) {
    message[length_at] = wrong;
    const auto held = parse_held_packet(message);
    ASSERT_TRUE(held);
    EXPECT_TRUE(held->payload.empty()) << int{wrong};
  }
}

}  // namespace
}  // namespace caisson::guest
