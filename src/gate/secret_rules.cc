// SPDX-License-Identifier: Apache-2.0

#include "gate/secret_rules.h"

#include "base/error.h"
#include "base/text.h"

namespace caisson::gate {
namespace {

using base::Error;

void check_secret_rule(const Rule& rule) {
  using HostKind = HostPattern::Kind;
  constexpr const char* kHint = "name the host: api.example.com, or *.example.com";
  if (rule.protocol == Protocol::kUdp) throw Error("secrets go over TCP alone", kHint);
  if (rule.host.kind == HostKind::kNetwork) throw Error("secrets go to names, not to addresses", kHint);
  if (rule.host.kind == HostKind::kAnyName) throw Error("a secret does not go to every name", kHint);
  if (rule.host.kind != HostKind::kName && rule.host.name.find('.') == std::string::npos)
    throw Error("a secret does not go to all names of a top-level domain", kHint);
}

}  // namespace

std::vector<std::string> secret_rules(const SecretTargets& targets) {
  std::string request;
  if (!targets.methods.empty() || !targets.path.empty()) {
    request = " " + (targets.methods.empty() ? "*" : base::join(targets.methods, ",")) + " " +
              (targets.path.empty() ? "/**" : targets.path);
  }
  std::vector<std::string> rules;
  for (const std::string& host : targets.hosts) {
    try {
      if (host.find(' ') != std::string::npos) throw Error("it is not a host", "write --host HOST[:PORT]");
      Rule rule = parse_rule(host + request);
      check_secret_rule(rule);
      if (rule.ports.is_every()) rule.ports = {.first = kSecretPort, .last = kSecretPort};
      rules.push_back(to_string(rule));
    } catch (const Error& error) {
      throw error.within("--host " + base::in_quotes(host.substr(0, 80)));
    }
  }
  return rules;
}

std::vector<Rule> rules_of(const secrets::Definition& definition) {
  std::vector<Rule> rules;
  for (const std::string& text : definition.rules) {
    try {
      rules.push_back(parse_rule(text));
      check_secret_rule(rules.back());
    } catch (const Error& error) {
      throw Error("cannot use the secret " + base::in_quotes(definition.name) + ": " + error.problem(),
                  "caisson secret set " + definition.name + " defines it again");
    }
  }
  return rules;
}

}  // namespace caisson::gate
