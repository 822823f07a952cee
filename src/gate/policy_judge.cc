// SPDX-License-Identifier: Apache-2.0

// The judgements of a policy.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "gate/dns.h"
#include "gate/host_name.h"
#include "gate/policy.h"

namespace caisson::gate {
namespace {

using Matches = std::vector<const Entry*>;

bool is_localhost(std::string_view name) {
  return name == "localhost" || name.ends_with(".localhost");
}

Verdict denied(std::string reason) {
  return {.reason = std::move(reason)};
}

Verdict not_a_name(std::string_view name) {
  return denied(fmt::format("{} is not a host name", base::in_quotes(name.substr(0, kMaxNameBytes))));
}

Verdict localhost_stays(std::string_view name) {
  return denied(
      fmt::format("{} is the sandbox itself and never leaves it (the host is '{}')", base::in_quotes(name), kHostName));
}

Verdict by_rule(const Entry& entry, const std::string& what) {
  return {.allowed = entry.allow,
          .entry = entry,
          .reason = fmt::format("{} is {} by the rule {}", what, entry.allow ? "allowed" : "denied",
                                base::in_quotes(to_string(entry.rule)))};
}

Verdict by_default(Default fallback, const std::string& what) {
  switch (fallback) {
    case Default::kAllow:
      return {.allowed = true, .reason = what + " is allowed: no rule denies it, and the policy is open"};
    case Default::kAsk:
      return {.ask = true, .reason = "no rule speaks of " + what};
    case Default::kDeny:
      break;
  }
  return denied("no rule allows " + what);
}

// "'example.com' port 443", "'example.com' UDP port 53"
std::string place(Protocol protocol, std::string_view host, uint16_t port) {
  return fmt::format("{}{} port {}", base::in_quotes(host), protocol == Protocol::kUdp ? " UDP" : "", port);
}

std::string place(Protocol protocol, const IpAddress& address, uint16_t port) {
  return place(protocol, to_string(address), port);
}

// Why an address of that kind needs a rule of its own; "" for a public one.
std::string peculiarity(AddressKind kind) {
  if (kind == AddressKind::kPublic) return {};
  return fmt::format(" ({}, which only a rule for that address opens)", describe(kind));
}

bool speaks_of(const Entry& entry, Protocol protocol, uint16_t port) {
  return entry.is_for(protocol) && entry.rule.ports.contains(port);
}

// The first that speaks of requests to that port; null: none does.
const Entry* first_of_requests(const Matches& matches, uint16_t port) {
  const auto found = std::find_if(matches.begin(), matches.end(), [&](const Entry* entry) {
    return entry->rule.request && speaks_of(*entry, Protocol::kTcp, port);
  });
  return found != matches.end() ? *found : nullptr;
}

Verdict unreadable(const Entry& entry, const std::string& what) {
  return {.entry = entry,
          .reason = fmt::format("{} is refused: the rule {} is for requests, and over UDP (QUIC) they cannot be read",
                                what, base::in_quotes(to_string(entry.rule)))};
}

Verdict decide_connect(const Matches& matches, Protocol protocol, uint16_t port, Default fallback,
                       const std::string& what) {
  const Entry* allowing = nullptr;
  for (const Entry* entry : matches) {
    if (!speaks_of(*entry, protocol, port)) continue;
    if (!entry->allow && !entry->rule.request) return by_rule(*entry, what);
    // A rule for some requests lets the connection be made, so that they can be read; one for all says it better.
    if (entry->allow && (allowing == nullptr || (allowing->rule.request && !entry->rule.request))) allowing = entry;
  }
  const Entry* reading = protocol == Protocol::kUdp ? first_of_requests(matches, port) : nullptr;
  if (reading != nullptr) return unreadable(*reading, what);
  return allowing != nullptr ? by_rule(*allowing, what) : by_default(fallback, what);
}

// A port of `allowed` that none of `denied` has; 0: there is none.
uint16_t port_left(const std::vector<PortRange>& allowed, const std::vector<PortRange>& denied) {
  for (const PortRange& range : allowed) {
    // Where something is left, it begins at the range's first port or right behind a denied range.
    std::vector<uint32_t> candidates = {range.first};
    for (const PortRange& gone : denied) candidates.push_back(gone.last + 1U);
    for (const uint32_t candidate : candidates) {
      if (candidate < range.first || candidate > range.last) continue;
      const auto port = static_cast<uint16_t>(candidate);
      if (std::none_of(denied.begin(), denied.end(), [&](const PortRange& gone) { return gone.contains(port); })) {
        return port;
      }
    }
  }
  return 0;
}

// What decide_connect says of some port that it allows or asks about, if there is one.
Verdict decide_some_port(const Matches& matches, Default fallback, const std::string& what) {
  const Entry* denying = nullptr;
  std::optional<Verdict> otherwise;
  for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp}) {
    std::vector<PortRange> allowed;
    std::vector<PortRange> gone;
    for (const Entry* entry : matches) {
      const bool of_requests = entry->rule.request.has_value();
      if (of_requests && protocol == Protocol::kUdp) {
        gone.push_back(entry->rule.ports);
      } else if (!entry->is_for(protocol) || (of_requests && !entry->allow)) {
        continue;
      } else if (entry->allow) {
        allowed.push_back(entry->rule.ports);
      } else {
        gone.push_back(entry->rule.ports);
        if (denying == nullptr) denying = entry;
      }
    }
    if (const uint16_t port = port_left(allowed, gone); port != 0) {
      return decide_connect(matches, protocol, port, fallback, what);
    }
    if (port_left({PortRange{}}, gone) != 0) otherwise = by_default(fallback, what);
  }
  if (otherwise && (fallback != Default::kDeny || denying == nullptr)) return *otherwise;
  return by_rule(*denying, what);
}

bool has_method(const RequestPattern& pattern, std::string_view method, bool allow) {
  if (pattern.methods.empty()) return true;
  // Some servers take "get" for GET; the pattern is in capitals.
  auto same = [](char listed, char sent) {
    return listed == (sent >= 'a' && sent <= 'z' ? static_cast<char>(sent - 'a' + 'A') : sent);
  };
  return std::any_of(pattern.methods.begin(), pattern.methods.end(), [&](const std::string& listed) {
    if (allow) return listed == method;
    return std::equal(listed.begin(), listed.end(), method.begin(), method.end(), same);
  });
}

bool speaks_of_request(const Entry& entry, std::string_view method, const CanonicalPath& path) {
  // What an escaped slash means to the server is known only where a rule says it.
  if (!entry.rule.request) return !entry.allow || !path.has_escaped_slash();
  if (!has_method(*entry.rule.request, method, entry.allow)) return false;
  const std::string& pattern = entry.rule.request->path;
  return entry.allow ? path_matches(pattern, path.text()) : path_resembles(pattern, path.text());
}

constexpr size_t kMostPathShown = 256;  // a reason is in the ledger and in answers

struct Request {
  uint16_t port;
  std::string_view method;
  const CanonicalPath& path;
};

Verdict decide_request(const Matches& matches, const Request& request, Default fallback, const std::string& where) {
  const std::string what = fmt::format("{} {} on {}", base::escaped(request.method.substr(0, 32)),
                                       base::in_quotes(request.path.text().substr(0, kMostPathShown)), where);
  const Entry* allowing = nullptr;
  for (const Entry* entry : matches) {
    if (!speaks_of(*entry, Protocol::kTcp, request.port)) continue;
    if (!speaks_of_request(*entry, request.method, request.path)) continue;
    if (!entry->allow) return by_rule(*entry, what);
    if (allowing == nullptr) allowing = entry;
  }
  if (allowing != nullptr) return by_rule(*allowing, what);
  if (request.path.has_escaped_slash())
    return denied("no rule with this escaped slash in its path (%2F) allows " + what);
  return by_default(fallback, what);
}

// Records that say something about a name and lead nowhere by themselves. HTTPS and SVCB are not among them: they carry
// real addresses and ECH keys, which would lead around the gate. Nor is ANY, nor what passes between name servers.
bool is_harmless(RecordType type) {
  constexpr RecordType kNaptr = 35;
  constexpr RecordType kSshfp = 44;
  constexpr RecordType kTlsa = 52;
  constexpr RecordType kUri = 256;
  constexpr RecordType kCaa = 257;
  constexpr std::array<RecordType, 11> kTypes = {kTypeNs, kTypeCname, kTypeSoa, kTypeMx, kTypeTxt, kTypeSrv,
                                                 kNaptr,  kSshfp,     kTlsa,    kUri,    kCaa};
  return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

// "example.com" of "_sip._tcp.example.com".
std::string_view without_service_labels(std::string_view name) {
  for (int label = 0; label < 3 && name.starts_with('_') && !parent_name(name).empty(); ++label) {
    name = parent_name(name);
  }
  return name;
}

// A record is fetched at once: there is nothing to ask about.
Verdict without_question(Verdict verdict) {
  verdict.ask = false;
  return verdict;
}

}  // namespace

std::string reason_and_origin(const Verdict& verdict) {
  return verdict.entry ? verdict.reason + " (" + verdict.entry->origin + ")" : verdict.reason;
}

Verdict Policy::judge_name(std::string_view name) const {
  const auto normal = normal_name(name);
  if (!normal) return not_a_name(name);
  if (is_localhost(*normal)) return localhost_stays(*normal);
  return decide_some_port(matching(*normal), fallback_of(*normal), base::in_quotes(*normal));
}

Verdict Policy::judge_record(std::string_view name, RecordType type) const {
  const auto normal = normal_name(name);
  if (!normal) return not_a_name(name);
  if (const auto address = reverse_address(*normal)) {
    if (type != kTypePtr) return denied(fmt::format("records of type {} are not asked for an address", type));
    return judge_reverse(*address);
  }
  if (!is_harmless(type)) return denied(fmt::format("records of type {} are not asked for", type));
  return without_question(judge_name(without_service_labels(*normal)));
}

Verdict Policy::judge_reverse(const IpAddress& address) const {
  const Destination to = destination(address);
  return without_question(decide_some_port(
      matching(to), fallback_of(to), "the name of " + base::in_quotes(to_string(address)) + peculiarity(to.kind)));
}

Verdict Policy::judge_connect(Protocol protocol, std::string_view name, uint16_t port) const {
  const auto normal = normal_name(name);
  if (!normal) return not_a_name(name);
  if (is_localhost(*normal)) return localhost_stays(*normal);
  return decide_connect(matching(*normal), protocol, port, fallback_of(*normal), place(protocol, *normal, port));
}

Verdict Policy::judge_address(Protocol protocol, const IpAddress& address, uint16_t port) const {
  const Destination to = destination(address);
  return decide_connect(matching(to), protocol, port, fallback_of(to),
                        place(protocol, address, port) + peculiarity(to.kind));
}

Verdict Policy::judge_resolved(Protocol protocol, std::string_view name, const IpAddress& address,
                               uint16_t port) const {
  const Destination to = destination(address);
  const std::string what = fmt::format("{}{}, an address of {},", place(protocol, address, port), peculiarity(to.kind),
                                       base::in_quotes(name.substr(0, kMaxNameBytes)));
  const Entry* allowing = nullptr;
  for (const Entry* entry : matching(to)) {
    if (!speaks_of(*entry, protocol, port)) continue;
    if (!entry->allow) return by_rule(*entry, what);
    if (allowing == nullptr && !entry->rule.request) allowing = entry;
  }
  if (allowing != nullptr) return by_rule(*allowing, what);
  if (to.kind == AddressKind::kPublic) return {.allowed = true, .reason = what + " is public"};
  return denied(fmt::format("{} has the address {}{}, and no rule allows that",
                            base::in_quotes(name.substr(0, kMaxNameBytes)), place(protocol, address, port),
                            peculiarity(to.kind)));
}

Verdict Policy::judge_stand_in(Protocol protocol, const StandIn& one) const {
  Verdict verdict = judge_resolved(protocol, one.name, one.address, one.address_port);
  if (verdict.allowed || verdict.entry) return verdict;
  return {.allowed = true,
          .reason = fmt::format("{} stands in for {} (--resolve)", place(protocol, one.address, one.address_port),
                                base::in_quotes(served_place(one)))};
}

bool Policy::needs_http(std::string_view name, uint16_t port) const {
  const auto normal = normal_name(name);
  return normal && first_of_requests(matching(*normal), port) != nullptr;
}

bool Policy::needs_http(const IpAddress& address, uint16_t port) const {
  return first_of_requests(matching(destination(address)), port) != nullptr;
}

Verdict Policy::judge_request(std::string_view name, uint16_t port, std::string_view method,
                              const CanonicalPath& path) const {
  const auto normal = normal_name(name);
  if (!normal) return not_a_name(name);
  if (is_localhost(*normal)) return localhost_stays(*normal);
  return decide_request(matching(*normal), {.port = port, .method = method, .path = path}, fallback_of(*normal),
                        place(Protocol::kTcp, *normal, port));
}

Verdict Policy::judge_request(const IpAddress& address, uint16_t port, std::string_view method,
                              const CanonicalPath& path) const {
  const Destination to = destination(address);
  return decide_request(matching(to), {.port = port, .method = method, .path = path}, fallback_of(to),
                        place(Protocol::kTcp, address, port) + peculiarity(to.kind));
}

}  // namespace caisson::gate
