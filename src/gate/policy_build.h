// SPDX-License-Identifier: Apache-2.0

// From what a user asks for (a preset or a policy file, rules, groups) to a sandbox's policy.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "gate/group_rules.h"
#include "gate/policy.h"
#include "gate/policy_file.h"

namespace caisson::gate {

struct PolicyWish {
  std::optional<std::string> preset = {};  // wins over the file's; without both it is kDefaultPreset
  std::optional<PolicyFile> file = {};     // read before: a file that can't be used stops the start
  // What the folder's own configuration wishes. With a preset or a file nothing of it counts but what it denies.
  std::optional<PolicyFile> folder = {};
  // What the agent that is run needs, whatever network is chosen; its path is the origin. One without a network does
  // without it.
  std::optional<PolicyFile> agent = {};
  std::vector<std::string> allow = {};  // rules and groups, as the user wrote them
  std::vector<std::string> deny = {};   // rules
  // The groups' rules, asked for once each and only where the group is used.
  std::function<GroupRules()> registries = {};
  std::function<GroupRules()> git = {};
};

// Throws a base::Error for a rule that would allow nothing: localhost is the sandbox itself.
void check_allows_something(const Rule& rule);

// A group stands for other hosts on another day: what was denied would not stay so.
base::Error group_cannot_be_denied(const GroupName& group);

struct BuiltPolicy {
  std::string preset;
  bool has_network = true;  // false: `none`
  Policy policy = Policy();
  std::optional<base::Bytes> bytes_per_second = {};
  std::optional<base::Bytes> total = {};
  std::optional<unsigned> connections = {};
  std::vector<std::string> notes = {};  // of the groups, for people
};

// Throws a base::Error that names the option or file and the rule.
BuiltPolicy build_policy(const PolicyWish& wish);

}  // namespace caisson::gate
