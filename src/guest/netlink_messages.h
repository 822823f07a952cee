// SPDX-License-Identifier: Apache-2.0

// The messages in what was received from a netlink socket (netlink(7)).
#pragma once

#include <linux/netlink.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace caisson::guest {

struct NetlinkMessage {
  const nlmsghdr* header = nullptr;
  std::span<const uint8_t> payload;
};

// Calls visit(NetlinkMessage) for each whole message until it returns false. `received` is aligned as a nlmsghdr is.
// The macros of the header count what is left down by aligned lengths, and the last length need not be aligned.
template <typename Visit>
void for_each_message(std::span<const uint8_t> received, Visit visit) {
  while (received.size() >= NLMSG_HDRLEN) {
    const auto* header = reinterpret_cast<const nlmsghdr*>(received.data());
    const size_t length = header->nlmsg_len;
    if (length < NLMSG_HDRLEN || length > received.size()) return;
    if (!visit(NetlinkMessage{header, received.subspan(NLMSG_HDRLEN, length - NLMSG_HDRLEN)})) return;
    received = received.subspan(std::min<size_t>(received.size(), NLMSG_ALIGN(length)));
  }
}

// The same for the attributes of a message: visit(type, value). Stops at one whose length is wrong.
template <typename Visit>
void for_each_attribute(std::span<const uint8_t> attributes, Visit visit) {
  while (attributes.size() >= NLA_HDRLEN) {
    const auto* header = reinterpret_cast<const nlattr*>(attributes.data());
    const size_t length = header->nla_len;
    if (length < NLA_HDRLEN || length > attributes.size()) return;
    visit(static_cast<uint16_t>(header->nla_type & NLA_TYPE_MASK), attributes.subspan(NLA_HDRLEN, length - NLA_HDRLEN));
    attributes = attributes.subspan(std::min<size_t>(attributes.size(), NLA_ALIGN(length)));
  }
}

}  // namespace caisson::guest
