// SPDX-License-Identifier: Apache-2.0

// caisson policy: what a sandbox's network may reach, looked at and changed while it runs.

#include <fmt/format.h>

#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/groups.h"
#include "cli/json_output.h"
#include "cli/policy_target.h"
#include "cli/table.h"
#include "gate/policy_build.h"
#include "keeper/client.h"
#include "keeper/network_policy.h"

namespace caisson::cli {
namespace {

std::string_view action(const gate::Entry& entry) {
  return entry.allow ? "allow" : "deny";
}

std::string_view words_of(gate::Default fallback) {
  switch (fallback) {
    case gate::Default::kDeny:
      return "everything else is refused";
    case gate::Default::kAllow:
      return "everything else that is public is allowed";
    case gate::Default::kAsk:
      return "everything else is asked about";
  }
  return "";
}

void list(const std::string& name, bool json) {
  const gate::Policy policy = keeper::read_policy(keeper::read_sandbox(name).folder);
  if (json) {
    fmt::print("{}\n", printable_json(to_json(policy)));
    return;
  }
  Table table({"RULE", "ACTION", "WHAT", "FROM"});
  for (const gate::Entry& entry : policy.entries())
    table.add({std::to_string(entry.id), std::string(action(entry)), to_string(entry.rule), entry.origin});
  fmt::print("{}{}\n", policy.entries().empty() ? "" : table.text(), words_of(policy.fallback()));
  for (const auto& [place, one] : policy.stand_ins())
    fmt::print("{} is served by {} (--resolve)\n", place, serving_place(one));
}

// A sandbox that runs is told by its keeper; of one that does not, the file is replaced while its lock is held.
void change(const std::string& name, const keeper::PolicyChange& change) {
  const keeper::Sandbox sandbox = keeper::read_sandbox(name);
  if (sandbox.state.status == keeper::Status::kRunning) {
    keeper::Client::connect(sandbox).request("POST", "/v1/policy", to_json(change));
    return;
  }
  const keeper::Claim claim = keeper::claim_sandbox(sandbox);
  keeper::change_kept_policy(sandbox.folder, change);
}

// What a group stands for now, as `run` would have it.
void add_group(keeper::PolicyChange& wanted, const std::string& name, const gate::GroupName& group) {
  const keeper::Sandbox sandbox = keeper::read_sandbox(name);
  const std::vector<spec::Workspace>& workspaces = sandbox.spec.workspaces;
  const gate::GroupRules found =
      group.name == "git" ? git_remotes(workspaces, own_standing()) : registries(workspaces, own_standing());
  for (const std::string& note : found.notes) warn(base::escaped(note));
  for (const gate::Rule& rule : found.rules)
    wanted.add.push_back({.rule = rule, .allow = true, .origin = "@" + group.name});
}

void add_rules(const std::string& name, const std::vector<std::string>& texts, bool allow) {
  keeper::PolicyChange wanted;
  for (const std::string& text : texts) {
    const std::variant<gate::Rule, gate::GroupName> what = gate::parse_rule_or_group(text);
    if (const auto* group = std::get_if<gate::GroupName>(&what)) {
      if (!allow) throw gate::group_cannot_be_denied(*group);
      add_group(wanted, name, *group);
      continue;
    }
    const gate::Rule& rule = std::get<gate::Rule>(what);
    if (allow) gate::check_allows_something(rule);
    wanted.add.push_back({.rule = rule, .allow = allow, .origin = allow ? "policy allow" : "policy deny"});
  }
  change(name, wanted);
}

void remove_rules(const std::string& name, const std::vector<std::string>& ids) {
  keeper::PolicyChange wanted;
  for (const std::string& text : ids) {
    const auto id = base::parse_number<uint64_t>(text);
    if (!id)
      throw base::Error(base::in_quotes(text) + " is not a rule's number", "`caisson policy ls NAME` shows them");
    wanted.remove.push_back(*id);
  }
  change(name, wanted);
}

int check(const std::string& name, const std::string& target, bool json) {
  const gate::Policy policy = keeper::read_policy(keeper::read_sandbox(name).folder);
  const gate::Verdict verdict = judge_target(policy, target);
  const char* word = verdict.allowed ? "allowed" : verdict.ask ? "asked about" : "refused";
  if (json) {
    base::Json answer{{"target", target}, {"verdict", word}, {"reason", reason_and_origin(verdict)}};
    if (verdict.entry) answer["rule"] = verdict.entry->id;
    fmt::print("{}\n", printable_json(answer));
  } else {
    fmt::print("{}: {}\n", word, base::escaped(reason_and_origin(verdict)));
  }
  return verdict.allowed ? 0 : 1;
}

struct PolicyWords {
  std::string name;
  std::vector<std::string> rest;
  bool json = false;
};

std::shared_ptr<PolicyWords> add_words(CLI::App& command, const char* rest, const char* description) {
  auto words = std::make_shared<PolicyWords>();
  command.add_option("name", words->name, "the sandbox")->required();
  if (rest != nullptr) command.add_option(rest, words->rest, description)->required();
  return words;
}

void add_policy_ls(CLI::App& policy) {
  CLI::App& command = add_command(policy, {"policy ls", "[OPTIONS] NAME", "list a sandbox's rules", ""});
  const auto words = add_words(command, nullptr, nullptr);
  command.add_flag("--json", words->json, "as JSON");
  command.callback([words] { list(words->name, words->json); });
}

void add_change(CLI::App& policy, bool allow) {
  const std::string verb = allow ? "allow" : "deny";
  const std::string description = allow ? "let a sandbox reach more" : "let a sandbox reach less";
  const std::string details =
      allow
          ? "In force at once, and kept. How a rule is written: caisson run --help. @registries and @git are what "
            "they\n"
            "stand for now.\n\nExamples:\n"
            "  caisson policy allow web example.com:443\n  caisson policy allow web @registries\n  caisson policy "
            "allow web '**.example.com' udp:192.0.2.7:123"
          : "In force at once, and kept: open connections that the rule hits are ended. A rule that denies wins over\n"
            "every one that allows.\n\nExample:\n  caisson policy deny web '*.example.com'";
  CLI::App& command = add_command(policy, {"policy " + verb, "NAME RULE…", description, details});
  const auto words = add_words(command, "rules", "what");
  command.callback([words, allow] { add_rules(words->name, words->rest, allow); });
}

void add_policy_rm(CLI::App& policy) {
  CLI::App& command = add_command(policy, {"policy rm", "NAME NUMBER…", "remove rules, by the numbers of 'policy ls'",
                                           "Open connections that nothing allows any more are ended."});
  const auto words = add_words(command, "rules", "their numbers");
  command.callback([words] { remove_rules(words->name, words->rest); });
}

void add_check(CLI::App& policy) {
  CLI::App& command = add_command(
      policy,
      {"policy check", "[OPTIONS] NAME TARGET", "say whether a sandbox may reach a target, and why",
       "TARGET is HOST:PORT, udp:HOST:PORT or a URL. The exit code is 0 for allowed, 1 for refused.\n"
       "Of a name only the name is judged; its addresses are when it is connected to. Where a rule for it speaks of\n"
       "methods and paths, GET of the URL's path is judged.\n\n"
       "Example:\n  caisson policy check web https://example.com/"});
  const auto words = add_words(command, "target", "what");
  command.get_option("target")->expected(1);
  command.add_flag("--json", words->json, "as JSON");
  command.callback([words] { throw Exit{check(words->name, words->rest.at(0), words->json)}; });
}

}  // namespace

void add_policy_command(CLI::App& app, Tail& tail) {
  CLI::App& policy =
      add_command(app, {"policy", "COMMAND", "show, change and check what a sandbox's network may reach", ""});
  policy.require_subcommand(1);
  add_policy_ls(policy);
  add_change(policy, true);
  add_change(policy, false);
  add_policy_rm(policy);
  add_check(policy);
  add_policy_log_command(policy);
  add_policy_learn_command(policy, tail);
}

}  // namespace caisson::cli
