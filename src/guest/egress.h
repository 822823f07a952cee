// SPDX-License-Identifier: Apache-2.0

// The guest's way out: every new connection of its processes and containers is held in the packet queue, told to the
// gate on a stream of the link of its own, and made or refused as the gate answers. Nothing is judged here.
//
//   a TCP SYN    -> stream "tcp" -> answer "ok": the SYN goes on to our listener, and the accepted connection and the
//                   stream are one; anything else: the client sees a reset
//   a datagram   -> stream "udp" -> answer "ok": a transparent socket for the flow is made, the datagram reaches it
//
// A client's retransmissions meanwhile are held with the first packet. One thread.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <vector>

#include "guest/flow_key.h"
#include "guest/packet_queue.h"
#include "link/session.h"

namespace caisson::guest {

struct Guest;

class Egress {
 public:
  explicit Egress(Guest& guest) : guest_(guest) {}
  // Listens and takes over the queue. Throws base::Error. The packet filter must be there.
  void start();

 private:
  using Clock = std::chrono::steady_clock;
  // A TCP connection that the gate has made, and whose client has not finished its handshake with us.
  struct Made {
    link::StreamPtr stream;
    Clock::time_point until;
  };

  void on_packet(uint32_t id, const FlowKey& flow);
  asio::awaitable<void> judge(FlowKey flow);
  asio::awaitable<link::StreamPtr> ask_gate(FlowKey flow);
  bool make(const FlowKey& flow, link::StreamPtr stream);
  void on_connection(base::Fd connection);
  asio::awaitable<void> give_up_made();

  Guest& guest_;
  std::unique_ptr<PacketQueue> queue_;
  std::map<FlowKey, std::vector<uint32_t>> asked_;  // with the packets that are held
  std::map<FlowKey, Made> made_;
  bool gives_up_ = false;  // give_up_made() runs
};

}  // namespace caisson::guest
