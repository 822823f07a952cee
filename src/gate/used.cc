// SPDX-License-Identifier: Apache-2.0

#include "gate/used.h"

#include "base/error.h"
#include "base/text.h"

namespace caisson::gate {
namespace {

using Kind = HostPattern::Kind;

Used used_from_text(const std::string& text) {
  const Rule rule = parse_rule(text);
  Used used{.protocol = rule.protocol.value_or(Protocol::kTcp), .host = {}, .port = rule.ports.first};
  if (rule.host.kind == Kind::kNetwork && rule.host.network->is_one_address()) {
    used.host = rule.host.network->network();
  } else if (rule.host.kind == Kind::kName) {
    used.host = rule.host.name;
  }
  if (to_string(rule_for(used)) != to_string(rule))
    throw base::Error("what was connected to: " + base::in_quotes(text) + " is no target");
  return used;
}

}  // namespace

Rule rule_for(const Used& used) {
  Rule rule{.protocol = written(used.protocol), .host = {}, .ports = {used.port, used.port}};
  if (const auto* address = std::get_if<IpAddress>(&used.host)) {
    rule.host = {.kind = Kind::kNetwork, .network = Cidr(*address)};
  } else {
    rule.host = {.kind = Kind::kName, .name = std::get<std::string>(used.host)};
  }
  return rule;
}

void Uses::add(Used used) {
  if (targets.size() < kMostTargets) {
    targets.insert(std::move(used));
  } else if (!targets.contains(used)) {
    all = false;
  }
}

base::Json to_json(const Uses& uses) {
  base::Json targets = base::Json::array();
  for (const Used& used : uses.targets) targets.push_back(to_string(rule_for(used)));
  return base::Json{{"targets", std::move(targets)}, {"all", uses.all}};
}

Uses uses_from_json(const base::Json& json) {
  base::JsonReader reader(json, "what was connected to");
  Uses uses;
  for (const auto& text : reader.required<std::vector<std::string>>("targets")) uses.add(used_from_text(text));
  uses.all = reader.required<bool>("all") && uses.all;
  reader.finish();
  return uses;
}

}  // namespace caisson::gate
