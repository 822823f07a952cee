// SPDX-License-Identifier: Apache-2.0

#include "keeper/network_policy.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "gate/preset.h"
#include "keeper/ledger.h"

namespace caisson::keeper {
namespace {

using base::Json;
using base::JsonReader;

constexpr size_t kMostChanges = 4096;
constexpr size_t kMostRefusalsShown = 4;
// In the order of QuestionAnswer::What.
constexpr std::array<std::string_view, 3> kAnswers = {"once", "sandbox", "deny"};
constexpr size_t kMaxOriginBytes = 4096;

std::string path_of(const std::string& folder) {
  return folder + "/policy.json";
}

const Json& list(JsonReader& reader, const char* key) {
  const Json& json = reader.raw(key);
  if (!json.is_array() || json.size() > kMostChanges)
    throw base::Error(std::string("the change of the policy: the key '") + key + "' has a wrong type or range");
  return json;
}

PolicyChange::NewEntry new_entry_from_json(const Json& json) {
  JsonReader reader(json, "a new rule");
  PolicyChange::NewEntry entry;
  entry.rule = gate::parse_rule(reader.required<std::string>("rule"));
  entry.allow = reader.required<bool>("allow");
  entry.origin = reader.required<std::string>("origin");
  if (entry.origin.size() > kMaxOriginBytes) throw base::Error("a new rule: its origin is too long");
  reader.finish();
  return entry;
}

}  // namespace

gate::Policy read_policy(const std::string& folder) {
  const std::optional<std::string> text = base::read_file_if_exists(path_of(folder));
  if (!text) return gate::Policy();
  return gate::policy_from_json(base::parse_json_object(*text, "the sandbox's policy"));
}

void write_policy(const std::string& folder, const gate::Policy& policy) {
  base::write_file_atomic(path_of(folder), base::to_line(to_json(policy)) + "\n");
}

bool judges_requests(const gate::Policy& policy) {
  return std::any_of(policy.entries().begin(), policy.entries().end(),
                     [](const gate::Entry& entry) { return entry.rule.request.has_value(); });
}

Json to_json(const PolicyChange& change) {
  Json add = Json::array();
  for (const PolicyChange::NewEntry& entry : change.add)
    add.push_back({{"rule", to_string(entry.rule)}, {"allow", entry.allow}, {"origin", entry.origin}});
  return Json{{"remove", change.remove}, {"add", std::move(add)}};
}

PolicyChange policy_change_from_json(const Json& json) {
  JsonReader reader(json, "the change of the policy");
  PolicyChange change;
  if (reader.has("remove")) {
    list(reader, "remove");
    change.remove = reader.required<std::vector<uint64_t>>("remove");
  }
  if (reader.has("add")) {
    for (const Json& entry : list(reader, "add")) change.add.push_back(new_entry_from_json(entry));
  }
  reader.finish();
  return change;
}

gate::Policy changed(gate::Policy policy, const PolicyChange& change) {
  for (const uint64_t id : change.remove) {
    if (!policy.remove(id))
      throw base::Error("the policy has no rule " + std::to_string(id), "`caisson policy ls NAME` shows them");
  }
  for (const PolicyChange::NewEntry& entry : change.add) policy.add(entry.rule, entry.allow, entry.origin);
  return policy;
}

void change_kept_policy(const std::string& folder, const PolicyChange& change) {
  write_policy(folder, changed(read_policy(folder), change));
  Ledger(folder).write("policy", to_json(change));
}

Json to_json(const std::vector<gate::Questions::Open>& questions) {
  Json list = Json::array();
  for (const gate::Questions::Open& question : questions) {
    const auto left = question.until - std::chrono::steady_clock::now();
    const int64_t seconds = std::chrono::ceil<std::chrono::seconds>(left).count();
    list.push_back({{"id", question.id}, {"target", question.target}, {"seconds_left", std::max<int64_t>(seconds, 0)}});
  }
  return Json{{"questions", std::move(list)}};
}

Json to_json(const QuestionAnswer& answer) {
  return Json{{"id", answer.id}, {"answer", kAnswers[static_cast<size_t>(answer.what)]}};
}

QuestionAnswer question_answer_from_json(const Json& json) {
  JsonReader reader(json, "the answer");
  QuestionAnswer answer;
  answer.id = reader.required<uint64_t>("id");
  const auto word = reader.required<std::string>("answer");
  reader.finish();
  const auto known = std::find(kAnswers.begin(), kAnswers.end(), word);
  if (known == kAnswers.end())
    throw base::Error("the answer: " + base::in_quotes(word.substr(0, 80)) + " is not one",
                      "answer once, sandbox or deny");
  answer.what = static_cast<QuestionAnswer::What>(known - kAnswers.begin());
  return answer;
}

Json to_json(const gate::Refusals& refusals) {
  Json targets = Json::array();
  for (const auto& [name, target] : refusals.targets)
    targets.push_back({
        {"target", name},
        {"count", target.count},
        {"reason", target.reason},
        {"allow", target.allow},
        {"own_networks", target.own_networks},
    });
  return Json{{"count", refusals.count}, {"targets", std::move(targets)}, {"limits", refusals.limits}};
}

gate::Refusals refusals_from_json(const Json& json) {
  JsonReader reader(json, "the refusals");
  gate::Refusals refusals;
  refusals.count = reader.required<uint64_t>("count");
  const Json& targets = reader.raw("targets");
  if (!targets.is_array()) throw base::Error("the refusals: the key 'targets' has a wrong type or range");
  for (const Json& each : targets) {
    JsonReader target(each, "a refused target");
    gate::Refusals::Target& read = refusals.targets[target.required<std::string>("target")];
    read.count = target.required<uint64_t>("count");
    read.reason = target.required<std::string>("reason");
    read.allow = target.required<std::string>("allow");
    read.own_networks = target.optional<bool>("own_networks", false);
    target.finish();
  }
  refusals.limits = reader.required<std::set<std::string>>("limits");
  reader.finish();
  return refusals;
}

// As one word of a shell: users copy it.
std::string for_shell(const std::string& word) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-._@:,";
  if (word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::vector<std::string> rules_for_refused(const gate::Refusals& refusals) {
  std::vector<std::string> rules;
  size_t shown = 0;
  for (const auto& [name, target] : refusals.targets) {
    if (shown++ == kMostRefusalsShown) break;
    if (!target.allow.empty()) rules.push_back(target.allow);
  }
  return rules;
}

std::vector<std::string> refused_in_own_networks(const gate::Refusals& refusals) {
  std::vector<std::string> names;
  for (const auto& [name, target] : refusals.targets) {
    if (target.own_networks) names.push_back(name);
  }
  return names;
}

std::vector<std::string> refusal_notes(const gate::Refusals& refusals, std::string_view preset) {
  std::vector<std::string> shown;
  for (const auto& [name, target] : refusals.targets) {
    if (shown.size() == kMostRefusalsShown) break;
    // Where there is no option to give, the reason is what the user can do something about.
    const bool says_why = target.allow.empty() && !target.reason.empty();
    shown.push_back(base::escaped(name) + (says_why ? " (" + base::escaped(target.reason) + ")" : ""));
  }
  // A sandbox without a network takes no rules.
  std::string flags = preset == gate::kNoNetwork ? " --net " + std::string(gate::kDefaultPreset) : "";
  const std::vector<std::string> rules = rules_for_refused(refusals);
  for (const std::string& rule : rules) flags += " --allow " + for_shell(base::escaped(rule));
  std::vector<std::string> notes(refusals.limits.begin(), refusals.limits.end());
  const uint64_t refused = refusals.count;
  if (refused == 0) return notes;
  const size_t more = refusals.targets.size() - shown.size();
  std::string line = "the network refused " + std::to_string(refused) + (refused == 1 ? " request: " : " requests: ") +
                     base::join(shown, ", ");
  if (more != 0) line += " and " + std::to_string(more) + " more";
  notes.push_back(rules.empty() ? line : line + " (to allow:" + flags + ")");
  return notes;
}

}  // namespace caisson::keeper
