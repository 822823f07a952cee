// SPDX-License-Identifier: Apache-2.0

// The packets that the packet filter holds until init has said what becomes of them (nfnetlink_queue;
// include/uapi/linux/netfilter/nfnetlink_queue.h).
#pragma once

#include <cstdint>
#include <functional>

#include "guest/flow_key.h"
#include "guest/waiting.h"

namespace caisson::guest {

enum class PacketFate { kAllow, kRefuse, kDrop };

// Until the socket is closed. Throws base::Error where nothing can be received any more.
asio::awaitable<void> receive_packets(Descriptor& socket, std::span<uint8_t> buffer,
                                      std::function<void(std::span<const uint8_t>)> take);

class PacketQueue {
 public:
  // Binds the queue. Throws base::Error.
  PacketQueue(const asio::any_io_executor& executor, uint16_t number);

  // Calls `on_packet` for each packet that is held; each must be given its fate once. What is no connection of TCP or
  // UDP is refused here. Throws base::Error when the queue's socket breaks.
  asio::awaitable<void> run(std::function<void(uint32_t id, const FlowKey& flow)> on_packet);
  void decide(uint32_t id, PacketFate fate);

 private:
  uint16_t number_;
  Descriptor socket_;
};

}  // namespace caisson::guest
