// SPDX-License-Identifier: Apache-2.0

#include "guest/netlink_messages.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "guest/netlink.h"

namespace caisson::guest {
namespace {

struct Received {
  alignas(nlmsghdr) uint8_t bytes[256] = {};
  size_t size = 0;

  void add(uint16_t type, size_t payload) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_len = static_cast<uint32_t>(NLMSG_HDRLEN + payload);
    size = NLMSG_ALIGN(size);
    std::memcpy(bytes + size, &header, sizeof header);
    size += header.nlmsg_len;
  }
  std::vector<std::pair<int, size_t>> messages() const {
    std::vector<std::pair<int, size_t>> found;
    for_each_message({bytes, size}, [&](const NetlinkMessage& message) {
      found.emplace_back(message.header->nlmsg_type, message.payload.size());
      return true;
    });
    return found;
  }
};

// The kernel does not fill up the last message of what it sends.
TEST(ForEachMessage, EndsBehindALastMessageOfAnyLength) {
  Received received;
  received.add(1, 4);
  received.add(2, 5);
  received.add(3, 3);
  EXPECT_EQ(received.messages(), (std::vector<std::pair<int, size_t>>{{1, 4}, {2, 5}, {3, 3}}));
}

TEST(ForEachMessage, StopsAtALengthThatIsWrong) {
  Received received;
  received.add(1, 4);
  received.add(2, 4);
  for (const uint32_t length : {0U, 15U, 1000U, UINT32_MAX}) {
    std::memcpy(received.bytes + NLMSG_ALIGN(NLMSG_HDRLEN + 4), &length, sizeof length);
    EXPECT_EQ(received.messages().size(), 1U) << length;
  }
}

TEST(ForEachMessage, StopsWhereTheVisitorSaysSo) {
  Received received;
  received.add(1, 0);
  received.add(2, 0);
  int count = 0;
  for_each_message({received.bytes, received.size}, [&](const NetlinkMessage&) { return ++count < 1; });
  EXPECT_EQ(count, 1);
}

TEST(NetlinkRequest, NestsWhatForEachAttributeReads) {
  NetlinkRequest request(7, 0, uint32_t{5});
  request.text(1, "ab");
  const size_t nest = request.begin_nest(2);
  request.be16(3, 0x0102);
  request.end_nest(nest);
  const std::string bytes = std::move(request).finish(9);
  nlmsghdr header{};
  std::memcpy(&header, bytes.data(), sizeof header);
  EXPECT_EQ(header.nlmsg_len, bytes.size());
  EXPECT_EQ(header.nlmsg_seq, 9U);
  std::vector<std::pair<int, std::string>> outer;
  std::vector<std::pair<int, std::string>> inner;
  auto read = [](std::vector<std::pair<int, std::string>>& into, std::span<const uint8_t> from) {
    for_each_attribute(from, [&](uint16_t type, std::span<const uint8_t> value) {
      into.emplace_back(type, std::string(value.begin(), value.end()));
    });
  };
  const std::span<const uint8_t> all(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  read(outer, all.subspan(NLMSG_HDRLEN + 4));
  ASSERT_EQ(outer.size(), 2U);
  EXPECT_EQ(outer[0], (std::pair<int, std::string>{1, std::string("ab\0", 3)}));
  EXPECT_EQ(outer[1].first, 2);
  const std::string& nested = outer[1].second;
  alignas(4) uint8_t copy[16] = {};
  ASSERT_LE(nested.size(), sizeof copy);
  std::memcpy(copy, nested.data(), nested.size());
  read(inner, {copy, nested.size()});
  EXPECT_EQ(inner, (std::vector<std::pair<int, std::string>>{{3, "\x01\x02"}}));
}

}  // namespace
}  // namespace caisson::guest
