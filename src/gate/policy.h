// SPDX-License-Identifier: Apache-2.0

// What a sandbox may reach: rules, a default for what no rule speaks of, and the judgements.
//
// Every judgement is of what is passed and of the rules, but that the kernel says which addresses are the host's own
// (own_address.h). Deny rules win over allow rules, whatever their order; the default is asked last. What is
// never opened by a default or a pattern, only by a rule that names it: addresses that are not public (a rule whose
// network is inside the special block) or are the host's own (a rule for that address alone), names of a single label,
// and names below caisson.internal (the exact name).
// An address that the user has named for a name's port (stand_in.h) needs no such rule there.
// localhost is never allowed. Names may be given in any case and with a trailing dot; what is not a name is refused.
//
// The order in which the gate asks, for a connection by name: judge_name (the DNS query), judge_connect (before
// anything is resolved), judge_resolved (each address, before it is connected to), and where needs_http says so,
// judge_request for every request. For a connection to an address: judge_address, and the same for requests.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/json_reader.h"
#include "gate/address.h"
#include "gate/http_path.h"
#include "gate/own_address.h"
#include "gate/rule.h"
#include "gate/stand_in.h"

namespace caisson::gate {

inline constexpr size_t kMaxPolicyEntries = 65536;

// The name under which a sandbox reaches its host. Rules judge it like any name; where it leads is the gate's affair.
inline constexpr std::string_view kHostName = "host.caisson.internal";

struct Entry {
  Rule rule;
  bool allow = true;
  std::string origin;  // where it was written: "--allow", "preset balanced", "@registries", a file's name, …
  uint64_t id = 0;     // unique in its policy, never used again

  // Without a protocol: what is allowed is TCP, what is denied both.
  bool is_for(Protocol protocol) const {
    return rule.protocol ? *rule.protocol == protocol : !allow || protocol == Protocol::kTcp;
  }
  bool operator==(const Entry&) const = default;
};

// What happens to what no rule speaks of. kAllow and kAsk are for names and public addresses only.
enum class Default : uint8_t { kDeny, kAllow, kAsk };

struct Verdict {
  bool allowed = false;
  // No rule speaks of it and the default is kAsk: not allowed unless the user says so. A name to be asked about is
  // answered by the resolver (nothing leaves the host by that); the connection to it is what is asked about.
  bool ask = false;
  std::optional<Entry> entry = {};  // the rule that decided, if one did
  // For the user and the guest, always set: "no rule allows 'example.com' port 443". Where the rule was written (a
  // path of the host's, for one) is not in it.
  std::string reason;
};
// For the user only.
std::string reason_and_origin(const Verdict& verdict);

// DNS record types by number (IANA); those that the gate answers itself are in dns.h.
using RecordType = uint16_t;

class Policy {
 public:
  explicit Policy(Default fallback = Default::kDeny) : fallback_(fallback) {}

  // Returns the new entry's id. The same rule with the same action a second time is the first one's id. Throws a
  // base::Error past kMaxPolicyEntries.
  uint64_t add(Rule rule, bool allow, std::string origin);
  // False: there is no such entry.
  bool remove(uint64_t id);
  const std::vector<Entry>& entries() const { return entries_; }
  Default fallback() const { return fallback_; }

  // Throws a base::Error where the same name and port is served elsewhere already, or past kMaxStandIns.
  void add_stand_in(const StandIn& added);
  // By served_place().
  const std::map<std::string, StandIn>& stand_ins() const { return stand_ins_; }
  // `name`: normal form. Null: it leads where it leads.
  const StandIn* stand_in_for(std::string_view name, uint16_t port) const;

  // As the judgements take it: not kPublic is what needs a rule of its own.
  AddressKind kind_of(const IpAddress& address) const { return classify_(address); }
  // For tests, in the place of classify_here.
  using Classify = std::function<AddressKind(const IpAddress&)>;
  void set_classify(Classify classify) { classify_ = std::move(classify); }

  // Is there a protocol and port of this name that a connection could be allowed to?
  Verdict judge_name(std::string_view name) const;
  // May the host ask its resolver for a record of this type (not A or AAAA, which never go upstream)? Leading labels
  // that begin with '_' (at most three) belong to the name behind them. A reverse name (in-addr.arpa, ip6.arpa) is
  // judged by the address it stands for. A record that is not allowed of a name that judge_name allows is answered as
  // absent (NODATA).
  Verdict judge_record(std::string_view name, RecordType type) const;
  // Over UDP what needs_http says of the port is refused: requests in QUIC can't be read.
  Verdict judge_connect(Protocol protocol, std::string_view name, uint16_t port) const;
  // A connection whose destination is an address and not one of the gate's synthetic ones.
  Verdict judge_address(Protocol protocol, const IpAddress& address, uint16_t port) const;
  // One of the addresses of a name that judge_connect allowed. Only the address is judged. A rule for an address with a
  // method and path opens nothing here and denies all: requests to a name are judged by the name.
  Verdict judge_resolved(Protocol protocol, std::string_view name, const IpAddress& address, uint16_t port) const;
  // What stands in for a name and port that judge_connect allowed: closed by a rule that denies its address, and by
  // nothing else.
  Verdict judge_stand_in(Protocol protocol, const StandIn& one) const;

  // Does a rule for TCP to it speak of methods or paths? Then the gate has to read the requests, and a connection whose
  // requests it can't read is refused.
  bool needs_http(std::string_view name, uint16_t port) const;
  bool needs_http(const IpAddress& address, uint16_t port) const;
  Verdict judge_request(std::string_view name, uint16_t port, std::string_view method, const CanonicalPath& path) const;
  Verdict judge_request(const IpAddress& address, uint16_t port, std::string_view method,
                        const CanonicalPath& path) const;

  // Every id is smaller, those of removed entries too.
  uint64_t next_id() const { return next_id_; }

 private:
  friend Policy policy_from_json(const base::Json& json);
  using Positions = std::vector<size_t>;  // in entries_
  using ByName = std::unordered_map<std::string, Positions>;
  using Matches = std::vector<const Entry*>;
  // An address, and what is special about it. It is found out once for a judgement.
  struct Destination {
    IpAddress address;
    AddressKind kind;
    std::optional<Cidr> block;  // a rule opens it by a network inside of this; nothing: by any network that holds it
  };

  Positions& bucket(const HostPattern& host);
  void append(const ByName& map, std::string_view key, Matches& found) const;
  // The entries that have a say about this name (normal form) or address.
  Matches matching(std::string_view name) const;
  Matches matching(const Destination& destination) const;
  Default fallback_of(std::string_view name) const;
  Default fallback_of(const Destination& destination) const;
  Destination destination(const IpAddress& address) const;
  Verdict judge_reverse(const IpAddress& address) const;

  std::vector<Entry> entries_;
  std::map<std::string, StandIn> stand_ins_;
  Default fallback_;
  Classify classify_ = classify_here;
  uint64_t next_id_ = 1;
  // By host.name: judging a name costs one look-up for each of its labels.
  ByName exact_;
  ByName one_label_;
  ByName any_depth_;
  Positions any_name_;
  Positions networks_;
};

// Kept as policy.json in a sandbox's folder. Reading is strict and throws a base::Error.
base::Json to_json(const Policy& policy);
Policy policy_from_json(const base::Json& json);

}  // namespace caisson::gate
