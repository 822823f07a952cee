// SPDX-License-Identifier: Apache-2.0

#include "guest/packet_queue.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>

#include "base/error.h"
#include "guest/netlink.h"
#include "guest/packet_filter.h"

namespace caisson::guest {
namespace {

constexpr uint32_t kCopiedBytes = 128;  // the headers
constexpr uint32_t kMostHeld = 16384;
constexpr int kReceiveBytes = 8 << 20;

nfgenmsg of_queue(uint16_t number) {
  return {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(number)};
}

uint16_t message_type(int message) {
  return static_cast<uint16_t>((NFNL_SUBSYS_QUEUE << 8) | message);
}

base::Fd bind_queue(uint16_t number) {
  Netlink netlink(NETLINK_NETFILTER);
  nfqnl_msg_config_cmd command{};
  command.command = NFQNL_CFG_CMD_BIND;
  NetlinkRequest bind(message_type(NFQNL_MSG_CONFIG), 0, of_queue(number));
  bind.attribute(NFQA_CFG_CMD, &command, sizeof command);
  netlink.run(std::move(bind), "packet queue");

  nfqnl_msg_config_params parameters{};
  parameters.copy_range = htonl(kCopiedBytes);
  parameters.copy_mode = NFQNL_COPY_PACKET;
  NetlinkRequest configure(message_type(NFQNL_MSG_CONFIG), 0, of_queue(number));
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

struct Held {
  std::optional<uint32_t> id;
  std::span<const uint8_t> payload;
};

Held parse_held(const nlmsghdr* header) {
  Held held;
  int left = static_cast<int>(header->nlmsg_len - NLMSG_LENGTH(sizeof(nfgenmsg)));
  const auto* first = static_cast<const char*>(NLMSG_DATA(header)) + NLMSG_ALIGN(sizeof(nfgenmsg));
  for (const auto* attribute = reinterpret_cast<const rtattr*>(first); RTA_OK(attribute, left);
       attribute = RTA_NEXT(attribute, left)) {
    if (attribute->rta_type == NFQA_PACKET_HDR && RTA_PAYLOAD(attribute) >= sizeof(nfqnl_msg_packet_hdr)) {
      nfqnl_msg_packet_hdr packet{};
      std::memcpy(&packet, RTA_DATA(attribute), sizeof packet);
      held.id = ntohl(packet.packet_id);
    } else if (attribute->rta_type == NFQA_PAYLOAD) {
      held.payload = {static_cast<const uint8_t*>(RTA_DATA(attribute)), RTA_PAYLOAD(attribute)};
    }
  }
  return held;
}

}  // namespace

PacketQueue::PacketQueue(const asio::any_io_executor& executor, uint16_t number)
    : number_(number), socket_(executor, bind_queue(number)) {}

asio::awaitable<void> PacketQueue::run(std::function<void(uint32_t id, const FlowKey& flow)> on_packet) {
  alignas(nlmsghdr) static char buffer[64U << 10];
  while (socket_.is_open()) {
    const ssize_t got = ::recv(socket_.get(), buffer, sizeof buffer, 0);
    if (got < 0 && errno == EAGAIN) co_await socket_.readable();
    if (got < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS) co_return;
    auto left = static_cast<unsigned>(got > 0 ? got : 0);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(header, left);
         header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type != message_type(NFQNL_MSG_PACKET)) continue;
      const Held held = parse_held(header);
      if (!held.id) continue;
      const std::optional<Packet> packet = parse_packet(held.payload);
      if (packet && packet->opens) {
        on_packet(*held.id, packet->flow);
      } else {
        decide(*held.id, PacketFate::kRefuse);
      }
    }
  }
}

// A packet that is gone meanwhile (its device went) is nobody's loss.
void PacketQueue::decide(uint32_t id, PacketFate fate) {
  nfqnl_msg_verdict_hdr verdict{};
  verdict.verdict = htonl(fate == PacketFate::kDrop ? NF_DROP : NF_ACCEPT);
  verdict.id = htonl(id);
  NetlinkRequest request(message_type(NFQNL_MSG_VERDICT), 0, of_queue(number_));
  request.attribute(NFQA_VERDICT_HDR, &verdict, sizeof verdict);
  request.be32(NFQA_MARK, fate == PacketFate::kAllow ? kAllowedMark : kRefusedMark);
  const std::string bytes = std::move(request).finish(0);
  static_cast<void>(::send(socket_.get(), bytes.data(), bytes.size(), 0));
}

}  // namespace caisson::guest
