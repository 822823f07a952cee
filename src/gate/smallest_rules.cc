// SPDX-License-Identifier: Apache-2.0

#include "gate/smallest_rules.h"

#include <algorithm>
#include <map>
#include <set>

#include "gate/host_name.h"
#include "gate/own_address.h"
#include "gate/policy.h"

namespace caisson::gate {
namespace {

using Kind = HostPattern::Kind;
// One port, or 0 for every.
using PortPlace = std::pair<Protocol, uint16_t>;

Rule rule_at(const PortPlace& place, HostPattern host) {
  const auto [protocol, port] = place;
  return {
      .protocol = written(protocol), .host = std::move(host), .ports = port == 0 ? PortRange{} : PortRange{port, port}};
}

HostPattern pattern_of(const std::variant<std::string, IpAddress>& host) {
  if (const auto* address = std::get_if<IpAddress>(&host)) return {.kind = Kind::kNetwork, .network = Cidr(*address)};
  return {.kind = Kind::kName, .name = std::get<std::string>(host)};
}

// Names below it have many owners. The list of all such domains is long and changes; a rule that learning writes is
// looked at by a person, and this keeps out what would be worst.
bool has_many_owners(std::string_view domain) {
  const size_t dot = domain.find('.');
  if (dot == std::string_view::npos) return true;
  const std::string_view behind = domain.substr(dot + 1);
  return behind.size() == 2 && dot <= 3;
}

bool takes_star(std::string_view domain) {
  return !has_many_owners(domain) && domain != parent_name(kHostName);
}

// Of this machine and its network only the ports that were used are opened.
bool is_for_all(const std::variant<std::string, IpAddress>& host) {
  if (const auto* address = std::get_if<IpAddress>(&host)) return classify_here(*address) == AddressKind::kPublic;
  return std::get<std::string>(host) != kHostName;
}

std::vector<Rule> merged_rules(const std::set<Used>& used) {
  std::map<std::pair<Protocol, std::variant<std::string, IpAddress>>, std::set<uint16_t>> ports;
  for (const Used& one : used) ports[{one.protocol, one.host}].insert(one.port);

  std::vector<Rule> rules;
  std::map<std::pair<PortPlace, std::string>, std::vector<std::string>> below;  // names by the one that they are below
  for (const auto& [key, numbers] : ports) {
    const auto& [protocol, host] = key;
    if (!is_for_all(host)) {
      for (const uint16_t port : numbers) rules.push_back(rule_at({protocol, port}, pattern_of(host)));
      continue;
    }
    const PortPlace place{protocol, numbers.size() == 1 ? *numbers.begin() : uint16_t{0}};
    const auto* name = std::get_if<std::string>(&host);
    if (name != nullptr && takes_star(parent_name(*name))) {
      below[{place, std::string(parent_name(*name))}].push_back(*name);
    } else {
      rules.push_back(rule_at(place, pattern_of(host)));
    }
  }
  for (const auto& [key, names] : below) {
    const auto& [place, domain] = key;
    if (names.size() >= kNamesForStar) {
      rules.push_back(rule_at(place, {.kind = Kind::kOneLabel, .name = domain}));
    } else {
      for (const std::string& name : names) rules.push_back(rule_at(place, pattern_of(name)));
    }
  }
  return rules;
}

}  // namespace

std::vector<Rule> smallest_rules(const std::set<Used>& used, Merge merge) {
  std::vector<Rule> rules;
  if (merge == Merge::kYes) {
    rules = merged_rules(used);
  } else {
    for (const Used& one : used) rules.push_back(rule_for(one));
  }
  std::sort(rules.begin(), rules.end(), [](const Rule& a, const Rule& b) { return to_string(a) < to_string(b); });
  return rules;
}

}  // namespace caisson::gate
