// SPDX-License-Identifier: Apache-2.0

#include "gate/policy_build.h"

#include <fmt/format.h>

#include <set>

#include "base/error.h"
#include "base/text.h"
#include "gate/preset.h"

namespace caisson::gate {
namespace {

using base::Error;

class Builder {
 public:
  Builder(const PolicyWish& wish, const Preset& preset) : wish_(wish) {
    built_.preset = preset.name;
    built_.has_network = preset.has_network;
    built_.policy = Policy(preset.fallback);
  }

  void add_preset(const Preset& preset) {
    const std::string origin = fmt::format("preset {}", preset.name);
    for (const Rule& rule : preset.rules) built_.policy.add(rule, true, origin);
    for (const GroupName& group : preset.groups) add_group(group);
  }

  void add_file(const PolicyFile& file) {
    for (const auto& what : file.allow) add(what, true, file.path);
    for (const Rule& rule : file.deny) add(rule, false, file.path);
    built_.bytes_per_second = file.bytes_per_second;
    built_.total = file.total;
    built_.connections = file.connections;
  }

  // Beside what the user has chosen. A preset without a network has nothing to deny.
  void add_denied(const PolicyFile& file) {
    if (!built_.has_network) return;
    for (const Rule& rule : file.deny) add(rule, false, file.path);
  }

  void add_agent(const PolicyFile& needs) {
    if (!built_.has_network) return;
    for (const auto& what : needs.allow) add(what, true, needs.path);
  }

  void add_options() {
    for (const std::string& text : wish_.allow) add(parsed(text, "--allow"), true, "--allow");
    for (const std::string& text : wish_.deny) add(parsed(text, "--deny"), false, "--deny");
  }

  BuiltPolicy take() { return std::move(built_); }

 private:
  static std::variant<Rule, GroupName> parsed(const std::string& text, const std::string& option) {
    try {
      return parse_rule_or_group(text);
    } catch (const Error& error) {
      throw error.within(option);
    }
  }

  void add(const std::variant<Rule, GroupName>& what, bool allow, const std::string& origin) {
    if (const auto* group = std::get_if<GroupName>(&what)) {
      if (!allow) throw group_cannot_be_denied(*group).within(origin);
      add_group(*group);
      return;
    }
    const Rule& rule = std::get<Rule>(what);
    try {
      if (allow) check_allows_something(rule);
      built_.policy.add(rule, allow, origin);
    } catch (const Error& error) {
      throw error.within(fmt::format("{}: the rule {}", base::escaped(origin), base::in_quotes(to_string(rule))));
    }
  }

  void add_group(const GroupName& group) {
    if (!seen_.insert(group.name).second) return;
    const auto& source = group.name == "git" ? wish_.git : wish_.registries;
    const GroupRules found = source ? source() : GroupRules{};
    for (const Rule& rule : found.rules) built_.policy.add(rule, true, "@" + group.name);
    built_.notes.insert(built_.notes.end(), found.notes.begin(), found.notes.end());
  }

  const PolicyWish& wish_;
  BuiltPolicy built_;
  std::set<std::string> seen_;
};

// The user has said which network it is to be.
bool is_chosen(const PolicyWish& wish) {
  return wish.preset || wish.file;
}

bool has_rules(const PolicyWish& wish) {
  const auto has_some = [](const std::optional<PolicyFile>& file) {
    return file && !(file->allow.empty() && file->deny.empty());
  };
  return !wish.allow.empty() || !wish.deny.empty() || has_some(wish.file) ||
         (!is_chosen(wish) && has_some(wish.folder));
}

const Preset& preset_of(const PolicyWish& wish) {
  if (wish.preset) return find_preset(*wish.preset);
  if (wish.file && wish.file->preset) return find_preset(*wish.file->preset);
  if (!is_chosen(wish) && wish.folder && wish.folder->preset) return find_preset(*wish.folder->preset);
  return find_preset(kDefaultPreset);
}

}  // namespace

void check_allows_something(const Rule& rule) {
  const std::string& name = rule.host.name;
  if (rule.host.kind != HostPattern::Kind::kName || (name != "localhost" && !name.ends_with(".localhost"))) return;
  Rule meant = rule;
  meant.host.name = kHostName;
  throw Error(fmt::format("{} is the sandbox itself, which needs no rule", base::in_quotes(name)),
              fmt::format("this machine is {} there: {}", kHostName, to_string(meant)));
}

Error group_cannot_be_denied(const GroupName& group) {
  return Error(fmt::format("the group '@{}' cannot be denied", group.name), "leave it out, or deny its hosts by name");
}

BuiltPolicy build_policy(const PolicyWish& wish) {
  const Preset& preset = preset_of(wish);
  if (!preset.has_network && has_rules(wish)) {
    throw Error(fmt::format("the network preset '{}' takes no rules", preset.name),
                fmt::format("leave the rules out, or choose '{}', which allows nothing but them", kDefaultPreset));
  }
  Builder builder(wish, preset);
  builder.add_preset(preset);
  if (wish.folder && !is_chosen(wish)) builder.add_file(*wish.folder);
  if (wish.folder && is_chosen(wish)) builder.add_denied(*wish.folder);
  if (wish.file) builder.add_file(*wish.file);
  if (wish.agent) builder.add_agent(*wish.agent);
  builder.add_options();
  return builder.take();
}

}  // namespace caisson::gate
