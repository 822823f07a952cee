// SPDX-License-Identifier: Apache-2.0

#include "gate/secret_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "secrets/known_services.h"

namespace caisson::gate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string refusal_of_host(const std::string& host) {
  try {
    secret_rules({.hosts = {host}});
  } catch (const base::Error& error) {
    return error.what();
  }
  return {};
}

bool goes_to(const secrets::Definition& definition, std::string_view name) {
  const std::vector<Rule> rules = rules_of(definition);
  return std::any_of(rules.begin(), rules.end(), [&](const Rule& rule) { return matches_name(rule.host, name); });
}

TEST(SecretRules, AreTheGatesRules) {
  EXPECT_THAT(secret_rules({.hosts = {"API.Example.com.", "**.example.org:8443", "a.example:80-81"}}),
              ElementsAre("api.example.com:443", "**.example.org:8443", "a.example:80-81"));
  EXPECT_THAT(secret_rules({.hosts = {"api.example.com"}, .methods = {"POST", "GET"}, .path = "/v1/**"}),
              ElementsAre("api.example.com:443 GET,POST /v1/**"));
  EXPECT_THAT(secret_rules({.hosts = {"api.example.com"}, .path = "/v1"}), ElementsAre("api.example.com:443 * /v1"));
  EXPECT_THAT(secret_rules({.hosts = {"api.example.com"}, .methods = {"GET"}}),
              ElementsAre("api.example.com:443 GET /**"));
}

TEST(SecretRules, NoSecretGoesToTheWholeWorld) {
  EXPECT_THAT(refusal_of_host("*"), HasSubstr("every name"));
  EXPECT_THAT(refusal_of_host("*.com"), HasSubstr("top-level domain"));
  EXPECT_THAT(refusal_of_host("**.com"), HasSubstr("top-level domain"));
  EXPECT_THAT(refusal_of_host("0.0.0.0/0"), HasSubstr("not to addresses"));
  EXPECT_THAT(refusal_of_host("192.0.2.7"), HasSubstr("not to addresses"));
  EXPECT_THAT(refusal_of_host("udp:example.com"), HasSubstr("TCP alone"));
}

TEST(SecretRules, HostileHostsAreRefusedAndNamed) {
  for (const char* host :
       {"", " ", "a b", "example.com GET /", "@registries", "https://example.com/", "ex\tample.com", "a..b",
        "-a.example", "a.example:0", "a.example:99999", "a.example\n", "b\xc3\xbc.example"}) {
    const std::string text = refusal_of_host(host);
    EXPECT_THAT(text, HasSubstr("--host '")) << host;
    EXPECT_EQ(text.find('\n'), std::string::npos);
  }
  EXPECT_THROW(secret_rules({.hosts = {"a.example"}, .methods = {"GET /x"}}), base::Error);
  EXPECT_THROW(secret_rules({.hosts = {"a.example"}, .path = "/a/../b"}), base::Error);
  EXPECT_THROW(secret_rules({.hosts = {"a.example"}, .path = "a"}), base::Error);
}

TEST(SecretRules, OfADefinitionAreCheckedAgain) {
  const secrets::Definition good{.name = "x", .rules = {"api.example.com:443"}};
  EXPECT_TRUE(goes_to(good, "api.example.com"));
  EXPECT_FALSE(goes_to(good, "evil-api.example.com"));
  EXPECT_FALSE(goes_to(good, "api.example.com.evil.example"));
  EXPECT_FALSE(goes_to(good, "example.com"));
  for (const char* rule : {"*", "**.com", "10.0.0.0/8", "udp:example.com", "nonsense nonsense"})
    EXPECT_THROW(rules_of({.name = "x", .rules = {rule}}), base::Error) << rule;
}

TEST(SecretRules, OfEveryKnownServiceAreOfOneHostEach) {
  for (const secrets::KnownService& service : secrets::known_services()) {
    for (const std::string& rule : secret_rules({.hosts = service.hosts})) {
      EXPECT_EQ(parse_rule(rule).host.kind, HostPattern::Kind::kName) << service.name;
      EXPECT_EQ(parse_rule(rule).ports.first, kSecretPort) << service.name;
    }
  }
}

}  // namespace
}  // namespace caisson::gate
