// SPDX-License-Identifier: Apache-2.0

#include "guest/connection_mark.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#include "base/error.h"
#include "guest/netlink.h"

namespace caisson::guest {

void forget_connection(const FlowKey& flow) {
  const bool v4 = flow.source.family == AF_INET;
  const size_t size = v4 ? 4 : 16;
  const nfgenmsg family{.nfgen_family = flow.source.family, .version = NFNETLINK_V0, .res_id = 0};
  NetlinkRequest request((NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE, 0, family);
  const size_t tuple = request.begin_nest(CTA_TUPLE_ORIG);
  const size_t addresses = request.begin_nest(CTA_TUPLE_IP);
  request.attribute(v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, flow.source.address.data(), size);
  request.attribute(v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, flow.destination.address.data(), size);
  request.end_nest(addresses);
  const size_t protocol = request.begin_nest(CTA_TUPLE_PROTO);
  request.u8(CTA_PROTO_NUM, flow.protocol);
  request.be16(CTA_PROTO_SRC_PORT, flow.source.port);
  request.be16(CTA_PROTO_DST_PORT, flow.destination.port);
  request.end_nest(protocol);
  request.end_nest(tuple);
  try {
    Netlink(NETLINK_NETFILTER).run(std::move(request), "connection");
  } catch (const base::Error&) {
    // It is gone, or the guest's root has taken connection tracking away: only that guest's datagrams suffer.
  }
}

}  // namespace caisson::guest
