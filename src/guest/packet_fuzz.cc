// SPDX-License-Identifier: Apache-2.0

// What comes from the kernel's packet queue: netlink messages, their attributes, and in them the beginning of a packet
// that any process of the guest may have made.

#include <cstdlib>
#include <cstring>
#include <vector>

#include "guest/flow_key.h"
#include "guest/held_packet.h"
#include "guest/netlink_messages.h"

namespace caisson::guest {
namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_inside(std::span<const uint8_t> part, std::span<const uint8_t> whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_packet(std::span<const uint8_t> bytes) {
  const std::optional<Packet> packet = parse_packet(bytes);
  if (!packet) return;
  const FlowKey& flow = packet->flow;
  require(flow.protocol == IPPROTO_TCP || flow.protocol == IPPROTO_UDP);
  require(flow.protocol == IPPROTO_TCP || packet->opens);
  require(flow.source.family == flow.destination.family);
  // It can be written as a socket's address, and is the same then; an IPv4 address in IPv6's form becomes the former.
  sockaddr_storage storage;
  flow.destination.to_socket_address(storage);
  const Endpoint again = Endpoint::of(storage);
  require(again.port == flow.destination.port);
  require(again.family == AF_INET || again == flow.destination);
}

void check(std::span<const uint8_t> received) {
  check_packet(received);
  // As recv() gets it.
  std::vector<nlmsghdr> aligned(received.size() / sizeof(nlmsghdr) + 1);
  if (!received.empty()) std::memcpy(aligned.data(), received.data(), received.size());
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(aligned.data()), received.size());
  for_each_message(bytes, [&](const NetlinkMessage& message) {
    require(is_inside(message.payload, bytes));
    if (const auto held = parse_held_packet(message.payload)) {
      require(is_inside(held->payload, message.payload));
      check_packet(held->payload);
    }
    return true;
  });
}

}  // namespace
}  // namespace caisson::guest

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  caisson::guest::check({data, size});
  return 0;
}
