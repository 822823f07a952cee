// SPDX-License-Identifier: Apache-2.0

#include "guest/network.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cstring>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "guest/files.h"

namespace caisson::guest {
namespace {

constexpr const char* kDevice = "dummy0";
constexpr const char* kHostAddress = "100.64.0.2";  // RFC 6598: nobody's host and no container network
constexpr const char* kResolver = "198.18.0.1";     // RFC 2544; not a loopback address, or Docker would replace it

// One rtnetlink request: a header, a message of type Body, attributes.
class Request {
 public:
  template <typename Body>
  Request(uint16_t type, uint16_t flags, const Body& body) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    append(&header, sizeof header);
    append(&body, sizeof body);
  }
  void attribute(uint16_t type, const void* data, size_t size) {
    rtattr header{};
    header.rta_type = type;
    header.rta_len = static_cast<uint16_t>(RTA_LENGTH(size));
    append(&header, sizeof header);
    append(data, size);
  }
  size_t begin_nest(uint16_t type) {
    const size_t at = bytes_.size();
    attribute(type, nullptr, 0);
    return at;
  }
  void end_nest(size_t at) {
    const auto size = static_cast<uint16_t>(bytes_.size() - at);
    std::memcpy(bytes_.data() + at + offsetof(rtattr, rta_len), &size, sizeof size);
  }
  std::string finish() {
    const auto size = static_cast<uint32_t>(bytes_.size());
    std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_len), &size, sizeof size);
    return bytes_;
  }

 private:
  void append(const void* data, size_t size) {
    if (size > 0) bytes_.append(static_cast<const char*>(data), size);
    bytes_.append((4 - bytes_.size() % 4) % 4, '\0');
  }
  std::string bytes_;
};

class Netlink {
 public:
  Netlink() : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
    if (!socket_) throw base::system_error("cannot open", "rtnetlink");
  }
  // EEXIST is success: the template's network may be set up again.
  void run(Request request, const char* what) {
    const std::string bytes = request.finish();
    if (::send(socket_.get(), bytes.data(), bytes.size(), 0) < 0) throw base::system_error("cannot set up", what);
    alignas(nlmsghdr) char answer[4096];
    if (::recv(socket_.get(), answer, sizeof answer, 0) < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr))))
      throw base::system_error("cannot set up", what);
    const auto* error = static_cast<const nlmsgerr*>(NLMSG_DATA(reinterpret_cast<nlmsghdr*>(answer)));
    if (error->error != 0 && error->error != -EEXIST) throw base::system_error("cannot set up", what, -error->error);
  }

 private:
  base::Fd socket_;
};

int device_index(const char* name) {
  const unsigned index = ::if_nametoindex(name);
  if (index == 0) throw base::system_error("cannot find the network device", name);
  return static_cast<int>(index);
}

void bring_up(Netlink& netlink, const char* name) {
  ifinfomsg link{};
  link.ifi_index = device_index(name);
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  netlink.run(Request(RTM_NEWLINK, 0, link), name);
}

void make_dummy(Netlink& netlink) {
  Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  request.attribute(IFLA_IFNAME, kDevice, std::strlen(kDevice) + 1);
  const size_t info = request.begin_nest(IFLA_LINKINFO);
  request.attribute(IFLA_INFO_KIND, "dummy", 5);
  request.end_nest(info);
  netlink.run(std::move(request), kDevice);
}

void add_address(Netlink& netlink, const char* text) {
  in_addr address{};
  ::inet_pton(AF_INET, text, &address);
  ifaddrmsg message{};
  message.ifa_family = AF_INET;
  message.ifa_prefixlen = 32;
  message.ifa_index = static_cast<unsigned>(device_index(kDevice));
  Request request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, message);
  request.attribute(IFA_LOCAL, &address, sizeof address);
  request.attribute(IFA_ADDRESS, &address, sizeof address);
  netlink.run(std::move(request), text);
}

void add_default_route(Netlink& netlink) {
  in_addr source{};
  ::inet_pton(AF_INET, kHostAddress, &source);
  const int device = device_index(kDevice);
  rtmsg route{};
  route.rtm_family = AF_INET;
  route.rtm_table = RT_TABLE_MAIN;
  route.rtm_protocol = RTPROT_BOOT;
  route.rtm_scope = RT_SCOPE_LINK;
  route.rtm_type = RTN_UNICAST;
  Request request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route);
  request.attribute(RTA_OIF, &device, sizeof device);
  request.attribute(RTA_PREFSRC, &source, sizeof source);
  netlink.run(std::move(request), "default route");
}

}  // namespace

void set_up_network() {
  Netlink netlink;
  bring_up(netlink, "lo");
  make_dummy(netlink);
  bring_up(netlink, kDevice);
  add_address(netlink, kHostAddress);
  add_address(netlink, kResolver);
  add_default_route(netlink);
  const std::string resolver = std::string("nameserver ") + kResolver + "\noptions timeout:1 attempts:1\n";
  if (!replace_content("/etc/resolv.conf", resolver)) throw base::system_error("cannot write", "/etc/resolv.conf");
}

}  // namespace caisson::guest
