// SPDX-License-Identifier: Apache-2.0

// The list of rules, and finding those that have a say.

#include "gate/policy.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/host_port.h"
#include "base/text.h"
#include "gate/host_name.h"

namespace caisson::gate {
namespace {

constexpr std::string_view kOwnDomain = "caisson.internal";

// Names that may mean something on the host's own network only, or are the gate's: neither a default nor a pattern is
// meant to open them.
bool is_by_exact_rule_only(std::string_view name) {
  return name.find('.') == std::string_view::npos || name == kOwnDomain ||
         matches_name({.kind = HostPattern::Kind::kAnyDepth, .name = std::string(kOwnDomain)}, name);
}

// Does this rule's network name the address? A special one is named by a network inside its block or by itself, so that
// 0.0.0.0/0 ("the whole Internet") does not open what is not of the Internet.
bool opens(const Cidr& network, const IpAddress& address, const std::optional<Cidr>& block) {
  if (!network.contains(address)) return false;
  return !block || network.is_one_address() || block->contains(network);
}

}  // namespace

uint64_t Policy::add(Rule rule, bool allow, std::string origin) {
  if (allow && rule.protocol) rule.protocol = written(*rule.protocol);  // "tcp:" says nothing more there
  Positions& positions = bucket(rule.host);
  for (const size_t position : positions) {
    const Entry& entry = entries_[position];
    if (entry.allow == allow && entry.rule == rule) return entry.id;
  }
  if (entries_.size() >= kMaxPolicyEntries) {
    throw base::Error(fmt::format("the policy has {} rules already", kMaxPolicyEntries),
                      "remove some, or write one with a star for many hosts");
  }
  positions.push_back(entries_.size());
  entries_.push_back({.rule = std::move(rule), .allow = allow, .origin = std::move(origin), .id = next_id_});
  return next_id_++;
}

bool Policy::remove(uint64_t id) {
  if (std::erase_if(entries_, [&](const Entry& entry) { return entry.id == id; }) == 0) return false;
  for (ByName* map : {&exact_, &one_label_, &any_depth_}) map->clear();
  any_name_.clear();
  networks_.clear();
  for (size_t position = 0; position < entries_.size(); ++position) {
    bucket(entries_[position].rule.host).push_back(position);
  }
  return true;
}

void Policy::add_stand_in(const StandIn& added) {
  const std::string place = served_place(added);
  if (stand_ins_.size() >= kMaxStandIns && !stand_ins_.contains(place))
    throw base::Error(fmt::format("{} places are led elsewhere already", kMaxStandIns), "leave some out");
  const StandIn& there = stand_ins_.try_emplace(place, added).first->second;
  if (there == added) return;
  throw base::Error(fmt::format("{} is served by {} already, so not by {}", base::in_quotes(place),
                                base::in_quotes(serving_place(there)), base::in_quotes(serving_place(added))),
                    "leave one of the two out");
}

const StandIn* Policy::stand_in_for(std::string_view name, uint16_t port) const {
  const auto found = stand_ins_.find(base::host_port(std::string(name), port));
  return found != stand_ins_.end() ? &found->second : nullptr;
}

Policy::Positions& Policy::bucket(const HostPattern& host) {
  switch (host.kind) {
    case HostPattern::Kind::kName:
      return exact_[host.name];
    case HostPattern::Kind::kOneLabel:
      return one_label_[host.name];
    case HostPattern::Kind::kAnyDepth:
      return any_depth_[host.name];
    case HostPattern::Kind::kAnyName:
      return any_name_;
    case HostPattern::Kind::kNetwork:
      break;
  }
  return networks_;
}

void Policy::append(const ByName& map, std::string_view key, Matches& found) const {
  const auto positions = map.find(std::string(key));
  if (positions == map.end()) return;
  for (const size_t position : positions->second) found.push_back(&entries_[position]);
}

Policy::Matches Policy::matching(std::string_view name) const {
  Matches found;
  append(exact_, name, found);
  append(one_label_, parent_name(name), found);
  for (std::string_view parent = parent_name(name); !parent.empty(); parent = parent_name(parent)) {
    append(any_depth_, parent, found);
  }
  for (const size_t position : any_name_) found.push_back(&entries_[position]);
  if (is_by_exact_rule_only(name)) {
    std::erase_if(found,
                  [](const Entry* entry) { return entry->allow && entry->rule.host.kind != HostPattern::Kind::kName; });
  }
  return found;
}

Policy::Destination Policy::destination(const IpAddress& address) const {
  const AddressKind kind = classify_(address);
  return {.address = address,
          .kind = kind,
          .block = kind == AddressKind::kOwn ? std::optional(Cidr(address)) : special_block(address)};
}

Policy::Matches Policy::matching(const Destination& destination) const {
  const IpAddress& address = destination.address;
  Matches found;
  for (const size_t position : networks_) {
    const Entry& entry = entries_[position];
    const Cidr& network = *entry.rule.host.network;
    const bool covers = entry.allow ? opens(network, address, destination.block)
                                    : network.contains(address) || network.contains(address.effective());
    if (covers) found.push_back(&entry);
  }
  return found;
}

Default Policy::fallback_of(std::string_view name) const {
  return is_by_exact_rule_only(name) ? Default::kDeny : fallback_;
}

Default Policy::fallback_of(const Destination& destination) const {
  return destination.kind == AddressKind::kPublic ? fallback_ : Default::kDeny;
}

}  // namespace caisson::gate
