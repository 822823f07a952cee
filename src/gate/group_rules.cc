// SPDX-License-Identifier: Apache-2.0

#include "gate/group_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "gate/own_address.h"
#include "gate/policy.h"
#include "gate/url.h"

namespace caisson::gate {
namespace {

// Why no group may have a rule for this host. A sandbox's localhost is its own, and a rule for 127.0.0.1 would open the
// services of the user's machine to a guest that speaks to the gate by itself.
std::optional<std::string> objection(const HostPattern& host, WrittenBy writer) {
  const bool by_workspace = writer == WrittenBy::kWorkspace;
  if (host.network) {
    const AddressKind kind = classify_here(host.network->network());
    if (kind == AddressKind::kPublic) return std::nullopt;
    if (is_of_own_networks(kind) && !by_workspace) return std::nullopt;
    return fmt::format("it is {}", describe(kind));
  }
  const std::string_view name = host.name;
  if (name == "localhost" || name.ends_with(".localhost")) return "in a sandbox that is the sandbox itself";
  if (!by_workspace) return std::nullopt;
  if (name.find('.') == std::string_view::npos) return "it is a name of this machine's network only";
  if (name.ends_with(kHostName.substr(kHostName.find('.')))) return "it is this machine";
  return std::nullopt;
}

// Where packages come from without a network.
bool is_local(std::string_view scheme) {
  return scheme == "file" || scheme == "cdrom" || scheme == "copy";
}

template <typename Value>
bool contains(const std::vector<Value>& values, const Value& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

}  // namespace

void GroupCollector::note(std::string_view text) {
  if (result_.notes.size() > kMaxNotes) return;
  std::string line = result_.notes.size() == kMaxNotes ? fmt::format("@{}: more could not be used", group_)
                                                       : base::escaped(fmt::format("@{}: {}", group_, text));
  if (!contains(result_.notes, line)) result_.notes.push_back(std::move(line));
}

void GroupCollector::add(const HostPattern& host, uint16_t port, std::string_view where) {
  const Rule rule{.protocol = Protocol::kTcp, .host = host, .ports = {port, port}};
  if (contains(result_.rules, rule)) return;
  if (const auto problem = objection(host, writer_)) {
    note(fmt::format("{} names {}: {} (if it is meant: --allow)", where, base::in_quotes(to_string(host)), *problem));
  } else if (result_.rules.size() >= kMaxRules) {
    note(fmt::format("there are more than {} places, the others are left out", kMaxRules));
  } else {
    result_.rules.push_back(rule);
  }
}

void GroupCollector::add_url(std::string_view url, std::string_view where) {
  const std::string scheme = scheme_of_url(url);
  if (is_local(scheme)) return;
  const auto place = place_of_url(url);
  if (place && default_port(place->scheme) != 0) {
    add(place->host, place->port, where);
  } else if (place) {
    note(fmt::format("{} has a URL of the kind {}, which is not known", where, base::in_quotes(place->scheme)));
  } else {
    note(fmt::format("{} has something that is not the URL of a host", where));
  }
}

}  // namespace caisson::gate
