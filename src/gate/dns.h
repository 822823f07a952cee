// SPDX-License-Identifier: Apache-2.0

// DNS messages, as far as the gate's resolver needs them (RFC 1035; EDNS0, RFC 6891; extended errors, RFC 8914).
//
// A query is read strictly: one question of class IN, no answers, at most an OPT record behind it. What goes upstream
// is built anew from the question, so that nothing else of the guest's bytes leaves the host; what comes back is
// checked to its last byte before the guest sees it. Messages are byte strings without the length that goes before them
// over TCP.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gate/address.h"

namespace caisson::gate {

inline constexpr size_t kMaxDnsBytes = 4096;         // of a query, and of an answer over UDP
inline constexpr size_t kMaxTcpAnswerBytes = 65535;  // of an upstream's answer
inline constexpr size_t kPlainUdpBytes = 512;        // without EDNS

// Record types that something here treats specially (IANA, DNS parameters).
enum DnsType : uint16_t {
  kTypeA = 1,
  kTypeNs = 2,
  kTypeCname = 5,
  kTypeSoa = 6,
  kTypePtr = 12,
  kTypeMx = 15,
  kTypeTxt = 16,
  kTypeAaaa = 28,
  kTypeSrv = 33,
  kTypeDname = 39,
  kTypeOpt = 41,
  kTypeRrsig = 46,
};

enum class DnsCode : uint8_t { kNoError = 0, kFormErr = 1, kServFail = 2, kNxDomain = 3, kNotImp = 4, kRefused = 5 };

struct DnsQuery {
  uint16_t id = 0;
  bool recursion_desired = false;
  bool has_edns = false;
  uint16_t udp_bytes = kPlainUdpBytes;  // the largest answer that the client takes over UDP; 512 to kMaxDnsBytes
  std::string question;                 // the question section as it was sent, case and all
  // The name in lower case, without a trailing dot, "" for the root. A byte that is not printable, a dot inside a label
  // and a backslash are \DDD (RFC 1035, 5.1), which no host name is.
  std::string name;
  uint16_t type = 0;
};

// What to do with a message from the guest: `query` is set, or `answer` is what it gets at once (FORMERR, NOTIMP,
// REFUSED, BADVERS), or neither: it is not answered at all (too short, or itself an answer).
struct DnsRequest {
  std::optional<DnsQuery> query = {};
  std::optional<std::string> answer = {};
};
DnsRequest parse_query(std::string_view message);

// Answers. A query over UDP gets at most udp_bytes of them; all but checked_upstream_answer's fit into 512.
std::string answer_address(const DnsQuery& query, const IpAddress& v4, std::chrono::seconds ttl);
std::string answer_name(const DnsQuery& query, std::string_view name, std::chrono::seconds ttl);  // of a PTR query
std::string answer_empty(const DnsQuery& query);                                                  // NODATA
// NXDOMAIN; with EDNS also the extended error 15 (Blocked) and `why`, of which at most 200 bytes are sent.
std::string answer_blocked(const DnsQuery& query, std::string_view why);
std::string answer_code(const DnsQuery& query, DnsCode code);  // REFUSED, SERVFAIL, …

// The address that a reverse name asks about ("1.0.18.198.in-addr.arpa", 32 nibbles and "ip6.arpa"; lower case), or
// nothing.
std::optional<IpAddress> reverse_address(std::string_view name);

// The query to send upstream for one that the policy allowed (not for A and AAAA), under an id of the caller's
// (random): the question in lower case, recursion desired, and nothing else of the guest's.
std::string make_upstream_query(const DnsQuery& query, uint16_t id);
// The upstream's answer as the client gets it: with the client's id, without additional records (real addresses), and
// cut to the question with TC where it is over `max_bytes` (udp_bytes, or kMaxTcpAnswerBytes over TCP). Nothing where
// it is no well-formed answer to that query.
std::optional<std::string> checked_upstream_answer(std::string_view message, const DnsQuery& query, uint16_t id,
                                                   size_t max_bytes);

}  // namespace caisson::gate
