// SPDX-License-Identifier: Apache-2.0

#include "guest/netlink.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstring>

#include "base/error.h"
#include "guest/netlink_messages.h"

namespace caisson::guest {
namespace {

constexpr size_t kAnswerBytes = 32U << 10;

}  // namespace

void NetlinkRequest::begin(uint16_t type, uint16_t flags) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  append(&header, sizeof header);
}

void NetlinkRequest::ask_for_answer() {
  nlmsghdr header{};
  std::memcpy(&header, bytes_.data(), sizeof header);
  header.nlmsg_flags |= NLM_F_ACK;
  std::memcpy(bytes_.data(), &header, sizeof header);
}

void NetlinkRequest::append(const void* data, size_t size) {
  if (size > 0) bytes_.append(static_cast<const char*>(data), size);
  bytes_.append((4 - bytes_.size() % 4) % 4, '\0');
}

void NetlinkRequest::attribute(uint16_t type, const void* data, size_t size) {
  rtattr header{};
  header.rta_type = type;
  header.rta_len = static_cast<uint16_t>(RTA_LENGTH(size));
  append(&header, sizeof header);
  append(data, size);
}

void NetlinkRequest::text(uint16_t type, std::string_view text) {
  const std::string with_end(text);
  attribute(type, with_end.c_str(), with_end.size() + 1);
}

void NetlinkRequest::be16(uint16_t type, uint16_t value) {
  const uint16_t ordered = htons(value);
  attribute(type, &ordered, sizeof ordered);
}

void NetlinkRequest::be32(uint16_t type, uint32_t value) {
  const uint32_t ordered = htonl(value);
  attribute(type, &ordered, sizeof ordered);
}

size_t NetlinkRequest::begin_nest(uint16_t type) {
  const size_t at = bytes_.size();
  attribute(static_cast<uint16_t>(type | NLA_F_NESTED), nullptr, 0);
  return at;
}

void NetlinkRequest::end_nest(size_t at) {
  const auto size = static_cast<uint16_t>(bytes_.size() - at);
  std::memcpy(bytes_.data() + at + offsetof(rtattr, rta_len), &size, sizeof size);
}

std::string NetlinkRequest::finish(uint32_t sequence) && {
  const auto size = static_cast<uint32_t>(bytes_.size());
  std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_len), &size, sizeof size);
  std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_seq), &sequence, sizeof sequence);
  return std::move(bytes_);
}

Netlink::Netlink(int family) : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family)) {
  if (!socket_) throw base::system_error("cannot open", "netlink");
}

void Netlink::send(const std::string& bytes, const char* what) {
  if (::send(socket_.get(), bytes.data(), bytes.size(), 0) < 0) throw base::system_error("cannot set up", what);
}

void Netlink::run(NetlinkRequest request, const char* what) {
  request.ask_for_answer();
  send(std::move(request).finish(++sequence_), what);
  receive_answers(sequence_, what);
}

// Of a batch, a message is answered that asks for it or that fails, in their order: so the last one asks.
void Netlink::run_batch(std::vector<NetlinkRequest> requests, uint16_t subsystem, const char* what) {
  const nfgenmsg of_subsystem{.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(subsystem)};
  requests.back().ask_for_answer();
  std::string bytes = NetlinkRequest(NFNL_MSG_BATCH_BEGIN, 0, of_subsystem).finish(++sequence_);
  for (NetlinkRequest& request : requests) bytes += std::move(request).finish(++sequence_);
  const uint32_t last = sequence_;
  bytes += NetlinkRequest(NFNL_MSG_BATCH_END, 0, of_subsystem).finish(++sequence_);
  send(bytes, what);
  receive_answers(last, what);
}

void Netlink::receive_answers(uint32_t last, const char* what) {
  alignas(nlmsghdr) uint8_t answer[kAnswerBytes];
  bool answered = false;
  auto look = [&](const NetlinkMessage& message) {
    if (message.header->nlmsg_type != NLMSG_ERROR || message.payload.size() < sizeof(nlmsgerr)) return true;
    nlmsgerr error{};
    std::memcpy(&error, message.payload.data(), sizeof error);
    // What is there already is what was asked for: the dummy driver brings a dummy0 with it (its module's numdummies).
    if (error.error != 0 && error.error != -EEXIST) throw base::system_error("cannot set up", what, -error.error);
    answered = message.header->nlmsg_seq == last;
    return !answered;
  };
  while (!answered) {
    const ssize_t got = ::recv(socket_.get(), answer, sizeof answer, 0);
    if (got < 0) throw base::system_error("cannot set up", what);
    for_each_message({answer, static_cast<size_t>(got)}, look);
  }
}

}  // namespace caisson::guest
