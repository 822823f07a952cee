// SPDX-License-Identifier: Apache-2.0

// The guest's only network device is a dummy, with an address, and the default routes of both families: whatever is
// sent out ends there. What the packet filter marks as allowed is routed by a table of its own to the loopback device
// instead, where init's transparent sockets are (packet_filter.cc). The resolver's address is nobody's here: a query to
// it is one more connection for the gate.

#include "guest/network.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <cstring>
#include <string>

#include "base/error.h"
#include "guest/files.h"
#include "guest/netlink.h"
#include "guest/packet_filter.h"

namespace caisson::guest {
namespace {

constexpr const char* kDevice = "dummy0";
constexpr const char* kLoopback = "lo";
constexpr const char* kAddress4 = "100.64.0.2";    // RFC 6598: nobody's host and no container network
constexpr const char* kAddress6 = "fd43:5341::2";  // RFC 4193
constexpr const char* kResolver = "198.18.0.1";    // RFC 2544; not a loopback address, or Docker would replace it
constexpr uint8_t kRouteTable = 100;
constexpr uint32_t kRulePriority = 100;

struct Address {
  uint8_t family;
  const char* text;
  uint8_t bytes[sizeof(in6_addr)];
  size_t size;
};

Address parse(uint8_t family, const char* text) {
  Address address{.family = family, .text = text, .bytes = {}, .size = family == AF_INET ? 4U : 16U};
  ::inet_pton(family, text, address.bytes);
  return address;
}

void bring_up(Netlink& netlink, const char* name) {
  ifinfomsg link{};
  link.ifi_index = device_index(name);
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  netlink.run(NetlinkRequest(RTM_NEWLINK, 0, link), name);
}

void make_dummy(Netlink& netlink) {
  NetlinkRequest request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  request.text(IFLA_IFNAME, kDevice);
  const size_t info = request.begin_nest(IFLA_LINKINFO);
  request.text(IFLA_INFO_KIND, "dummy");
  request.end_nest(info);
  netlink.run(std::move(request), kDevice);
}

void add_address(Netlink& netlink, const Address& address) {
  ifaddrmsg message{};
  message.ifa_family = address.family;
  message.ifa_prefixlen = static_cast<uint8_t>(address.size * 8);
  message.ifa_flags = IFA_F_NODAD;  // nobody else is there
  message.ifa_index = static_cast<unsigned>(device_index(kDevice));
  NetlinkRequest request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, message);
  request.attribute(IFA_LOCAL, address.bytes, address.size);
  request.attribute(IFA_ADDRESS, address.bytes, address.size);
  netlink.run(std::move(request), address.text);
}

void add_default_route(Netlink& netlink, const Address& source) {
  rtmsg route{};
  route.rtm_family = source.family;
  route.rtm_table = RT_TABLE_MAIN;
  route.rtm_protocol = RTPROT_BOOT;
  route.rtm_scope = source.family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  route.rtm_type = RTN_UNICAST;
  NetlinkRequest request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route);
  request.u32(RTA_OIF, static_cast<uint32_t>(device_index(kDevice)));
  request.attribute(RTA_PREFSRC, source.bytes, source.size);
  netlink.run(std::move(request), "default route");
}

// ip rule add fwmark MARK lookup 100; ip route add local default dev lo table 100
void deliver_allowed_here(Netlink& netlink, uint8_t family) {
  fib_rule_hdr rule{};
  rule.family = family;
  rule.table = kRouteTable;
  rule.action = FR_ACT_TO_TBL;
  NetlinkRequest mark(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule);
  mark.u32(FRA_PRIORITY, kRulePriority);
  mark.u32(FRA_FWMARK, kAllowedMark);
  netlink.run(std::move(mark), "routing rule");

  rtmsg route{};
  route.rtm_family = family;
  route.rtm_table = kRouteTable;
  route.rtm_protocol = RTPROT_BOOT;
  route.rtm_scope = RT_SCOPE_HOST;
  route.rtm_type = RTN_LOCAL;
  NetlinkRequest everything(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route);
  everything.u32(RTA_OIF, static_cast<uint32_t>(device_index(kLoopback)));
  netlink.run(std::move(everything), "local route");
}

}  // namespace

int device_index(const char* name) {
  const unsigned index = ::if_nametoindex(name);
  if (index == 0) throw base::system_error("cannot find the network device", name);
  return static_cast<int>(index);
}

void set_up_network() {
  Netlink netlink(NETLINK_ROUTE);
  bring_up(netlink, kLoopback);
  make_dummy(netlink);
  bring_up(netlink, kDevice);
  for (const Address& address : {parse(AF_INET, kAddress4), parse(AF_INET6, kAddress6)}) {
    add_address(netlink, address);
    add_default_route(netlink, address);
    deliver_allowed_here(netlink, address.family);
  }
  install_packet_filter({.loopback = device_index(kLoopback), .outward = device_index(kDevice)});
  const std::string resolver = std::string("nameserver ") + kResolver + "\noptions timeout:5 attempts:2\n";
  if (!replace_content("/etc/resolv.conf", resolver)) throw base::system_error("cannot write", "/etc/resolv.conf");
}

}  // namespace caisson::guest
