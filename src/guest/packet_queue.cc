// SPDX-License-Identifier: Apache-2.0

#include "guest/packet_queue.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "base/error.h"
#include "guest/held_packet.h"
#include "guest/netlink.h"
#include "guest/netlink_messages.h"
#include "guest/packet_filter.h"

namespace caisson::guest {
namespace {

constexpr uint32_t kCopiedBytes = 128;  // the headers
constexpr uint32_t kMostHeld = 16384;
constexpr int kReceiveBytes = 8 << 20;

nfgenmsg of_queue(uint16_t number) {
  return {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(number)};
}

uint16_t queue_message(int message) {
  return static_cast<uint16_t>((NFNL_SUBSYS_QUEUE << 8) | message);
}

base::Fd bind_queue(uint16_t number) {
  Netlink netlink(NETLINK_NETFILTER);
  nfqnl_msg_config_cmd command{};
  command.command = NFQNL_CFG_CMD_BIND;
  NetlinkRequest bind(queue_message(NFQNL_MSG_CONFIG), 0, of_queue(number));
  bind.attribute(NFQA_CFG_CMD, &command, sizeof command);
  netlink.run(std::move(bind), "packet queue");

  nfqnl_msg_config_params parameters{};
  parameters.copy_range = htonl(kCopiedBytes);
  parameters.copy_mode = NFQNL_COPY_PACKET;
  NetlinkRequest configure(queue_message(NFQNL_MSG_CONFIG), 0, of_queue(number));
  configure.attribute(NFQA_CFG_PARAMS, &parameters, sizeof parameters);
  configure.be32(NFQA_CFG_QUEUE_MAXLEN, kMostHeld);
  netlink.run(std::move(configure), "packet queue");

  base::Fd socket = std::move(netlink).release();
  // A burst of connections must fit; what does not is a lost packet, which its sender sends again.
  const int yes = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBytes, sizeof kReceiveBytes);
  ::setsockopt(socket.get(), SOL_NETLINK, NETLINK_NO_ENOBUFS, &yes, sizeof yes);
  return socket;
}

}  // namespace

PacketQueue::PacketQueue(const asio::any_io_executor& executor, uint16_t number)
    : number_(number), socket_(executor, bind_queue(number)) {}

asio::awaitable<void> PacketQueue::run(std::function<void(uint32_t id, const FlowKey& flow)> on_packet) {
  alignas(nlmsghdr) static uint8_t buffer[64U << 10];
  auto judge = [&](const NetlinkMessage& message) {
    if (message.header->nlmsg_type != queue_message(NFQNL_MSG_PACKET)) return true;
    const std::optional<HeldPacket> held = parse_held_packet(message.payload);
    if (!held) return true;
    const std::optional<Packet> packet = parse_packet(held->payload);
    if (packet && packet->opens) {
      on_packet(held->id, packet->flow);
    } else {
      decide(held->id, PacketFate::kRefuse);
    }
    return true;
  };
  auto take = [&](std::span<const uint8_t> bytes) { for_each_message(bytes, judge); };
  co_await receive_packets(socket_, buffer, take);
}

asio::awaitable<void> receive_packets(Descriptor& socket, std::span<uint8_t> buffer,
                                      std::function<void(std::span<const uint8_t>)> take) {
  while (socket.is_open()) {
    const ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    const int errnum = got < 0 ? errno : 0;
    if (errnum == EAGAIN) co_await socket.readable();
    // Without it there is no network, and whoever started it has to say so.
    if (errnum != 0 && errnum != EAGAIN && errnum != EINTR && errnum != ENOBUFS)
      throw base::system_error("cannot receive from", "packet queue", errnum);
    if (got > 0) take(buffer.first(static_cast<size_t>(got)));
  }
}

// A packet that is gone meanwhile (its device went) is nobody's loss.
void PacketQueue::decide(uint32_t id, PacketFate fate) {
  nfqnl_msg_verdict_hdr verdict{};
  verdict.verdict = htonl(fate == PacketFate::kDrop ? NF_DROP : NF_ACCEPT);
  verdict.id = htonl(id);
  NetlinkRequest request(queue_message(NFQNL_MSG_VERDICT), 0, of_queue(number_));
  request.attribute(NFQA_VERDICT_HDR, &verdict, sizeof verdict);
  request.be32(NFQA_MARK, fate == PacketFate::kAllow ? kAllowedMark : kRefusedMark);
  const std::string bytes = std::move(request).finish(0);
  static_cast<void>(::send(socket_.get(), bytes.data(), bytes.size(), 0));
}

}  // namespace caisson::guest
