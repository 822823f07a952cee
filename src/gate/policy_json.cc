// SPDX-License-Identifier: Apache-2.0

// A policy as JSON: what a sandbox's folder keeps.

#include "base/error.h"
#include "gate/policy.h"

namespace caisson::gate {
namespace {

using base::Error;
using base::Json;
using base::JsonReader;

constexpr size_t kMaxOriginBytes = 4096;  // a file's name at most

std::string_view default_text(Default fallback) {
  switch (fallback) {
    case Default::kAllow:
      return "allow";
    case Default::kAsk:
      return "ask";
    case Default::kDeny:
      break;
  }
  return "deny";
}

Default default_from(const std::string& text) {
  for (const Default fallback : {Default::kDeny, Default::kAllow, Default::kAsk}) {
    if (text == default_text(fallback)) return fallback;
  }
  throw Error("the policy: " + base::in_quotes(text.substr(0, 80)) + " is not a default", "deny, allow or ask");
}

Entry entry_from_json(const Json& json) {
  JsonReader reader(json, "a rule of the policy");
  Entry entry;
  entry.rule = parse_rule(reader.required<std::string>("rule"));
  const auto action = reader.required<std::string>("action");
  if (action != "allow" && action != "deny") {
    throw Error("a rule of the policy: " + base::in_quotes(action.substr(0, 80)) + " is not an action",
                "allow or deny");
  }
  entry.allow = action == "allow";
  entry.origin = reader.required<std::string>("origin");
  if (entry.origin.size() > kMaxOriginBytes) throw Error("a rule of the policy: its origin is longer than 4096 bytes");
  entry.id = reader.required<uint64_t>("id");
  reader.finish();
  return entry;
}

}  // namespace

Json to_json(const Policy& policy) {
  Json rules = Json::array();
  for (const Entry& entry : policy.entries()) {
    rules.push_back(Json{{"rule", to_string(entry.rule)},
                         {"action", entry.allow ? "allow" : "deny"},
                         {"origin", entry.origin},
                         {"id", entry.id}});
  }
  Json resolve = Json::array();
  for (const auto& [place, one] : policy.stand_ins()) resolve.push_back(to_string(one));
  return Json{{"default", default_text(policy.fallback())},
              {"next_id", policy.next_id()},
              {"resolve", std::move(resolve)},
              {"rules", std::move(rules)}};
}

Policy policy_from_json(const Json& json) {
  JsonReader reader(json, "the policy");
  Policy policy(default_from(reader.required<std::string>("default")));
  const auto next_id = reader.required<uint64_t>("next_id");
  const Json& rules = reader.raw("rules");
  // A policy that is older than these has none.
  for (const auto& text : reader.optional<std::vector<std::string>>("resolve", {}))
    policy.add_stand_in(parse_stand_in(text));
  reader.finish();
  if (!rules.is_array()) throw Error("the policy: the key 'rules' has a wrong type or range");
  for (const Json& rule : rules) {
    Entry entry = entry_from_json(rule);
    // Ids only grow, so they are in order; an entry that is there twice would not get the id it says.
    if (entry.id < policy.next_id_ || entry.id >= next_id)
      throw Error("the policy: the ids of its rules are not in order");
    policy.next_id_ = entry.id;
    if (policy.add(std::move(entry.rule), entry.allow, std::move(entry.origin)) != entry.id) {
      throw Error("the policy: a rule is there twice");
    }
  }
  if (next_id < policy.next_id_) throw Error("the policy: the key 'next_id' has a wrong type or range");
  policy.next_id_ = next_id;
  return policy;
}

}  // namespace caisson::gate
