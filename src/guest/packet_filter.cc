// SPDX-License-Identifier: Apache-2.0

// In the words of nft(8), with ALLOWED and REFUSED for the marks and "dummy0" for the device:
//
//   table inet caisson {
//     chain judge_own { type route hook output priority mangle;
//       ct direction original ct mark ALLOWED meta mark set ALLOWED accept
//       oif dummy0 meta l4proto tcp queue to 4353
//       oif dummy0 meta l4proto udp queue to 4353
//     }
//     chain judge_containers { type filter hook prerouting priority mangle;
//       iif lo accept
//       ct direction original ct mark ALLOWED meta mark set ALLOWED accept
//       fib daddr oif dummy0 meta l4proto tcp queue to 4353
//       fib daddr oif dummy0 meta l4proto udp queue to 4353
//     }
//     chain deliver_own { type filter hook prerouting priority mangle + 1;
//       meta mark ALLOWED ct mark set ALLOWED
//       iif lo meta mark ALLOWED meta l4proto tcp tproxy to :4353
//     }
//     chain deliver_containers { type nat hook prerouting priority dstnat;
//       iif lo accept
//       meta mark ALLOWED meta l4proto tcp redirect to :4353
//     }
//     chain refuse_own { type filter hook output priority filter - 10; … }
//     chain refuse_containers { type filter hook forward priority filter - 10;
//       meta mark ALLOWED accept
//       meta mark REFUSED meta l4proto tcp reject with tcp reset
//       meta mark REFUSED reject with icmpx port-unreachable
//       oif dummy0 reject with icmpx admin-prohibited
//     }
//   }
//
// A container's packets come over a bridge, where br_netfilter calls the hooks before the packet is IP's own, and
// TPROXY's socket would be lost on the way: so those are redirected, and init asks the kernel for their first
// destination.
//
// The connection's mark spares all packets but the first the queue; "direction original" keeps the answers of init's
// sockets to a container from being routed back. A packet that the queue lets go keeps the device it had (dummy0), so
// the marks are looked at first.

#include "guest/packet_filter.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <string>
#include <vector>

#include "guest/netlink.h"

namespace caisson::guest {
namespace {

constexpr const char* kFilterTable = "caisson";
constexpr uint32_t kMangle = static_cast<uint32_t>(-150);
constexpr uint32_t kAfterMangle = static_cast<uint32_t>(-149);
constexpr uint32_t kDestinationNat = static_cast<uint32_t>(-100);
constexpr uint32_t kBeforeFilter = static_cast<uint32_t>(-10);
constexpr uint8_t kOriginalDirection = 0;  // IP_CT_DIR_ORIGINAL

uint16_t tables_message(int message) {
  return static_cast<uint16_t>((NFNL_SUBSYS_NFTABLES << 8) | message);
}

nfgenmsg of_inet() {
  return {.nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0, .res_id = 0};
}

// One rule, expression by expression; all of them work on register 1.
class Rule {
 public:
  explicit Rule(const char* chain) : request_(tables_message(NFT_MSG_NEWRULE), NLM_F_CREATE | NLM_F_APPEND, of_inet()) {
    request_.text(NFTA_RULE_TABLE, kFilterTable);
    request_.text(NFTA_RULE_CHAIN, chain);
    list_ = request_.begin_nest(NFTA_RULE_EXPRESSIONS);
  }

  Rule&& meta_is(nft_meta_keys key, const void* value, size_t size) && {
    expression("meta", [&] {
      request_.be32(NFTA_META_DREG, NFT_REG_1);
      request_.be32(NFTA_META_KEY, key);
    });
    return std::move(*this).compare(value, size);
  }
  Rule&& mark_is(uint32_t mark) && { return std::move(*this).meta_is(NFT_META_MARK, &mark, sizeof mark); }
  Rule&& protocol_is(uint8_t protocol) && {
    return std::move(*this).meta_is(NFT_META_L4PROTO, &protocol, sizeof protocol);
  }
  Rule&& comes_from(int device) && { return std::move(*this).meta_is(NFT_META_IIF, &device, sizeof device); }
  Rule&& goes_to(int device) && { return std::move(*this).meta_is(NFT_META_OIF, &device, sizeof device); }
  Rule&& would_go_to(int device) && {
    expression("fib", [&] {
      request_.be32(NFTA_FIB_DREG, NFT_REG_1);
      request_.be32(NFTA_FIB_RESULT, NFT_FIB_RESULT_OIF);
      request_.be32(NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
    });
    return std::move(*this).compare(&device, sizeof device);
  }
  Rule&& of_allowed_connection() && {
    connection(NFT_CT_DIRECTION);
    std::move(*this).compare(&kOriginalDirection, sizeof kOriginalDirection);
    connection(NFT_CT_MARK);
    return std::move(*this).compare(&kAllowedMark, sizeof kAllowedMark);
  }

  Rule&& set_mark() && {
    immediate(kAllowedMark);
    expression("meta", [&] {
      request_.be32(NFTA_META_SREG, NFT_REG_1);
      request_.be32(NFTA_META_KEY, NFT_META_MARK);
    });
    return std::move(*this);
  }
  Rule&& set_connection_mark() && {
    immediate(kAllowedMark);
    expression("ct", [&] {
      request_.be32(NFTA_CT_SREG, NFT_REG_1);
      request_.be32(NFTA_CT_KEY, NFT_CT_MARK);
    });
    return std::move(*this);
  }
  Rule&& accept() && {
    expression("immediate", [&] {
      request_.be32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
      const size_t data = request_.begin_nest(NFTA_IMMEDIATE_DATA);
      const size_t verdict = request_.begin_nest(NFTA_DATA_VERDICT);
      request_.be32(NFTA_VERDICT_CODE, NF_ACCEPT);
      request_.end_nest(verdict);
      request_.end_nest(data);
    });
    return std::move(*this);
  }
  Rule&& queue() && {
    expression("queue", [&] {
      request_.be16(NFTA_QUEUE_NUM, kEgressQueue);
      request_.be16(NFTA_QUEUE_TOTAL, 1);
      request_.be16(NFTA_QUEUE_FLAGS, 0);
    });
    return std::move(*this);
  }
  Rule&& deliver_to_listener() && {
    const uint16_t port = htons(kEgressPort);
    immediate_bytes(&port, sizeof port);
    expression("tproxy", [&] {
      request_.be32(NFTA_TPROXY_FAMILY, NFPROTO_UNSPEC);
      request_.be32(NFTA_TPROXY_REG_PORT, NFT_REG_1);
    });
    return std::move(*this);
  }
  Rule&& redirect_to_listener() && {
    const uint16_t port = htons(kEgressPort);
    immediate_bytes(&port, sizeof port);
    expression("redir", [&] { request_.be32(NFTA_REDIR_REG_PROTO_MIN, NFT_REG_1); });
    return std::move(*this);
  }
  Rule&& reset() && {
    expression("reject", [&] { request_.be32(NFTA_REJECT_TYPE, NFT_REJECT_TCP_RST); });
    return std::move(*this);
  }
  Rule&& reject(nft_reject_inet_code code) && {
    expression("reject", [&] {
      request_.be32(NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
      request_.u8(NFTA_REJECT_ICMP_CODE, static_cast<uint8_t>(code));
    });
    return std::move(*this);
  }

  NetlinkRequest finish() && {
    request_.end_nest(list_);
    return std::move(request_);
  }

 private:
  template <typename Data>
  void expression(const char* name, Data data) {
    const size_t element = request_.begin_nest(NFTA_LIST_ELEM);
    request_.text(NFTA_EXPR_NAME, name);
    const size_t nest = request_.begin_nest(NFTA_EXPR_DATA);
    data();
    request_.end_nest(nest);
    request_.end_nest(element);
  }
  Rule&& compare(const void* value, size_t size) && {
    expression("cmp", [&] {
      request_.be32(NFTA_CMP_SREG, NFT_REG_1);
      request_.be32(NFTA_CMP_OP, NFT_CMP_EQ);
      const size_t data = request_.begin_nest(NFTA_CMP_DATA);
      request_.attribute(NFTA_DATA_VALUE, value, size);
      request_.end_nest(data);
    });
    return std::move(*this);
  }
  void connection(nft_ct_keys key) {
    expression("ct", [&] {
      request_.be32(NFTA_CT_DREG, NFT_REG_1);
      request_.be32(NFTA_CT_KEY, key);
    });
  }
  void immediate(uint32_t value) { immediate_bytes(&value, sizeof value); }
  void immediate_bytes(const void* value, size_t size) {
    expression("immediate", [&] {
      request_.be32(NFTA_IMMEDIATE_DREG, NFT_REG_1);
      const size_t data = request_.begin_nest(NFTA_IMMEDIATE_DATA);
      request_.attribute(NFTA_DATA_VALUE, value, size);
      request_.end_nest(data);
    });
  }

  NetlinkRequest request_;
  size_t list_ = 0;
};

struct Chain {
  const char* name;
  const char* type;
  nf_inet_hooks hook;
  uint32_t priority;
};

constexpr Chain kJudgeOwn{"judge_own", "route", NF_INET_LOCAL_OUT, kMangle};
constexpr Chain kJudgeContainers{"judge_containers", "filter", NF_INET_PRE_ROUTING, kMangle};
constexpr Chain kDeliverOwn{"deliver_own", "filter", NF_INET_PRE_ROUTING, kAfterMangle};
constexpr Chain kDeliverContainers{"deliver_containers", "nat", NF_INET_PRE_ROUTING, kDestinationNat};
constexpr Chain kRefuseOwn{"refuse_own", "filter", NF_INET_LOCAL_OUT, kBeforeFilter};
constexpr Chain kRefuseContainers{"refuse_containers", "filter", NF_INET_FORWARD, kBeforeFilter};

NetlinkRequest new_table() {
  NetlinkRequest request(tables_message(NFT_MSG_NEWTABLE), NLM_F_CREATE, of_inet());
  request.text(NFTA_TABLE_NAME, kFilterTable);
  return request;
}

NetlinkRequest new_chain(const Chain& chain) {
  NetlinkRequest request(tables_message(NFT_MSG_NEWCHAIN), NLM_F_CREATE, of_inet());
  request.text(NFTA_CHAIN_TABLE, kFilterTable);
  request.text(NFTA_CHAIN_NAME, chain.name);
  const size_t hook = request.begin_nest(NFTA_CHAIN_HOOK);
  request.be32(NFTA_HOOK_HOOKNUM, chain.hook);
  request.be32(NFTA_HOOK_PRIORITY, chain.priority);
  request.end_nest(hook);
  request.be32(NFTA_CHAIN_POLICY, NF_ACCEPT);
  request.text(NFTA_CHAIN_TYPE, chain.type);
  return request;
}

void refuse(const Chain& chain, int outward, std::vector<NetlinkRequest>& batch) {
  batch.push_back(Rule(chain.name).mark_is(kAllowedMark).accept().finish());
  batch.push_back(Rule(chain.name).mark_is(kRefusedMark).protocol_is(IPPROTO_TCP).reset().finish());
  batch.push_back(Rule(chain.name).mark_is(kRefusedMark).reject(NFT_REJECT_ICMPX_PORT_UNREACH).finish());
  batch.push_back(Rule(chain.name).goes_to(outward).reject(NFT_REJECT_ICMPX_ADMIN_PROHIBITED).finish());
}

}  // namespace

void install_packet_filter(FilterDevices devices) {
  std::vector<NetlinkRequest> batch;
  batch.push_back(new_table());
  for (const Chain& chain :
       {kJudgeOwn, kJudgeContainers, kDeliverOwn, kDeliverContainers, kRefuseOwn, kRefuseContainers})
    batch.push_back(new_chain(chain));

  batch.push_back(Rule(kJudgeOwn.name).of_allowed_connection().set_mark().accept().finish());
  for (const uint8_t protocol : {IPPROTO_TCP, IPPROTO_UDP})
    batch.push_back(Rule(kJudgeOwn.name).goes_to(devices.outward).protocol_is(protocol).queue().finish());

  batch.push_back(Rule(kJudgeContainers.name).comes_from(devices.loopback).accept().finish());
  batch.push_back(Rule(kJudgeContainers.name).of_allowed_connection().set_mark().accept().finish());
  for (const uint8_t protocol : {IPPROTO_TCP, IPPROTO_UDP})
    batch.push_back(Rule(kJudgeContainers.name).would_go_to(devices.outward).protocol_is(protocol).queue().finish());

  batch.push_back(Rule(kDeliverOwn.name).mark_is(kAllowedMark).set_connection_mark().finish());
  batch.push_back(Rule(kDeliverOwn.name)
                      .comes_from(devices.loopback)
                      .mark_is(kAllowedMark)
                      .protocol_is(IPPROTO_TCP)
                      .deliver_to_listener()
                      .finish());
  batch.push_back(Rule(kDeliverContainers.name).comes_from(devices.loopback).accept().finish());
  batch.push_back(
      Rule(kDeliverContainers.name).mark_is(kAllowedMark).protocol_is(IPPROTO_TCP).redirect_to_listener().finish());

  refuse(kRefuseOwn, devices.outward, batch);
  refuse(kRefuseContainers, devices.outward, batch);
  Netlink(NETLINK_NETFILTER).run_batch(std::move(batch), NFNL_SUBSYS_NFTABLES, "packet filter");
}

}  // namespace caisson::guest
