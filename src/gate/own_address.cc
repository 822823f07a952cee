// SPDX-License-Identifier: Apache-2.0

#include "gate/own_address.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

#include "base/fd.h"

namespace caisson::gate {
namespace {

struct RouteQuestion {
  nlmsghdr header{};
  rtmsg route{};
  rtattr destination{};
  std::array<uint8_t, 16> address{};
};
static_assert(offsetof(RouteQuestion, destination) == NLMSG_SPACE(sizeof(rtmsg)));
static_assert(offsetof(RouteQuestion, address) == offsetof(RouteQuestion, destination) + RTA_LENGTH(0));

// What the answer begins with; the rest of it is not read.
struct RouteAnswer {
  nlmsghdr header{};
  union {
    rtmsg route;
    int error;  // of an nlmsgerr, with NLMSG_ERROR
  } body{};
};
static_assert(offsetof(RouteAnswer, body) == NLMSG_HDRLEN);

RouteQuestion question_about(const IpAddress& address) {
  const size_t size = address.is_v4() ? 4 : 16;
  RouteQuestion question;
  question.header.nlmsg_len = static_cast<uint32_t>(offsetof(RouteQuestion, address) + size);
  question.header.nlmsg_type = RTM_GETROUTE;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.route.rtm_family = address.is_v4() ? AF_INET : AF_INET6;
  question.route.rtm_dst_len = static_cast<uint8_t>(size * 8);
  question.destination.rta_type = RTA_DST;
  question.destination.rta_len = static_cast<uint16_t>(RTA_LENGTH(size));
  std::copy(address.bytes().end() - static_cast<ptrdiff_t>(size), address.bytes().end(), question.address.begin());
  return question;
}

// The errors of a look-up that found no way, one that is barred (EACCES, EINVAL: ip-route(8), prohibit, blackhole), or
// no such protocol on this host. Nothing of the kind is the host itself.
bool means_no_way(int errnum) {
  constexpr std::array<int, 6> kNoWay = {ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL, EOPNOTSUPP, EAFNOSUPPORT};
  return std::find(kNoWay.begin(), kNoWay.end(), errnum) != kNoWay.end();
}

bool ends_here(const IpAddress& address) {
  const base::Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket) return true;
  const RouteQuestion question = question_about(address);
  if (::send(socket.get(), &question, question.header.nlmsg_len, 0) < 0) return true;
  // rtnetlink answers before send() returns.
  RouteAnswer answer;
  if (::recv(socket.get(), &answer, sizeof answer, MSG_DONTWAIT) != static_cast<ssize_t>(sizeof answer)) return true;
  if (answer.header.nlmsg_type == NLMSG_ERROR) return !means_no_way(-answer.body.error);
  return answer.header.nlmsg_type != RTM_NEWROUTE || answer.body.route.rtm_type == RTN_LOCAL ||
         answer.body.route.rtm_type == RTN_ANYCAST;
}

}  // namespace

bool is_own_address(const IpAddress& address) {
  const IpAddress effective = address.effective();
  return ends_here(address) || (effective != address && ends_here(effective));
}

AddressKind classify_here(const IpAddress& address) {
  const AddressKind kind = classify(address);
  if (kind == AddressKind::kLoopback || kind == AddressKind::kMetadata) return kind;
  return is_own_address(address) ? AddressKind::kOwn : kind;
}

}  // namespace caisson::gate
