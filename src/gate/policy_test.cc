// SPDX-License-Identifier: Apache-2.0

// The list of rules, its JSON form, and the presets.

#include "gate/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "gate/preset.h"

namespace caisson::gate {
namespace {

TEST(Policy, GivesEachRuleAnIdOfItsOwn) {
  Policy policy;
  EXPECT_EQ(policy.add(parse_rule("a.com"), true, "--allow"), 1U);
  EXPECT_EQ(policy.add(parse_rule("b.com"), true, "--allow"), 2U);
  EXPECT_TRUE(policy.remove(2));
  EXPECT_FALSE(policy.remove(2));
  EXPECT_EQ(policy.add(parse_rule("b.com"), true, "--allow"), 3U);
}

TEST(Policy, HasARuleOnce) {
  Policy policy;
  for (const char* rule : {"a.com:443", "*.a.com", "**.a.com", "*", "10.0.0.0/8"}) {
    const uint64_t id = policy.add(parse_rule(rule), true, "first");
    EXPECT_EQ(policy.add(parse_rule(rule), true, "second"), id) << rule;
    EXPECT_NE(policy.add(parse_rule(rule), false, "second"), id) << rule;
  }
  EXPECT_EQ(policy.entries().size(), 10U);
  EXPECT_EQ(policy.entries()[0].origin, "first");
}

TEST(Policy, FindsEveryRuleAfterOneWasRemoved) {
  Policy policy;
  policy.set_classify(classify);
  const uint64_t first = policy.add(parse_rule("first.com"), true, "");
  for (const char* rule : {"a.com", "*.b.com", "**.c.com", "10.0.0.0/8"}) policy.add(parse_rule(rule), true, rule);
  policy.remove(first);
  EXPECT_FALSE(policy.judge_name("first.com").allowed);
  EXPECT_EQ(policy.judge_name("a.com").entry->origin, "a.com");
  EXPECT_EQ(policy.judge_name("x.b.com").entry->origin, "*.b.com");
  EXPECT_EQ(policy.judge_name("x.y.c.com").entry->origin, "**.c.com");
  EXPECT_EQ(policy.judge_address(Protocol::kTcp, *IpAddress::parse("10.1.1.1"), 1).entry->origin, "10.0.0.0/8");
}

TEST(Policy, IsBounded) {
  Policy policy;
  Rule rule = parse_rule("a.com:1");
  for (size_t i = 0; i < kMaxPolicyEntries; ++i) {
    rule.host.name = "a" + std::to_string(i) + ".com";
    policy.add(rule, true, "");
  }
  EXPECT_TRUE(policy.judge_connect(Protocol::kTcp, "a65535.com", 1).allowed);
  EXPECT_EQ(policy.add(rule, true, ""), kMaxPolicyEntries);
  EXPECT_THROW(policy.add(parse_rule("b.com"), true, ""), base::Error);
}

TEST(PolicyJson, IsReadAsItWasWritten) {
  Policy policy(Default::kAsk);
  policy.add(parse_rule("a.com:443 GET /x"), true, "--allow");
  policy.add(parse_rule("gone.com"), true, "--allow");
  policy.add(parse_rule("udp:[fd00::/8]:53"), false, "policy deny");
  policy.add(parse_rule("last.com"), true, "--allow");
  policy.remove(2);
  policy.remove(4);
  policy.add_stand_in(parse_stand_in("a.com:443:[::1]:8443"));
  Policy read = policy_from_json(to_json(policy));
  EXPECT_EQ(read.entries(), policy.entries());
  EXPECT_EQ(read.stand_ins(), policy.stand_ins());
  EXPECT_EQ(read.fallback(), Default::kAsk);
  EXPECT_EQ(read.add(parse_rule("b.com"), true, ""), 5U);
  EXPECT_EQ(to_json(Policy()), base::Json::parse(R"({"default":"deny","next_id":1,"resolve":[],"rules":[]})"));
}

TEST(PolicyJson, RefusesAnythingElse) {
  const std::string rule = R"({"rule":"a.com","action":"allow","origin":"x","id":1})";
  const std::string good = R"({"default":"deny","next_id":3,"rules":[)" + rule + "]}";
  EXPECT_NO_THROW(policy_from_json(base::parse_json_object(good, "policy")));
  for (const std::string& text : {
           std::string(R"({"default":"deny","rules":[]})"),
           std::string(R"({"default":"maybe","next_id":1,"rules":[]})"),
           std::string(R"({"default":"deny","next_id":0,"rules":[]})"),
           std::string(R"({"default":"deny","next_id":1,"rules":{}})"),
           std::string(R"({"default":"deny","next_id":1,"rules":[],"more":1})"),
           std::string(R"({"default":"deny","next_id":1,"rules":[],"resolve":{}})"),
           std::string(R"({"default":"deny","next_id":1,"rules":[],"resolve":["a.com:443"]})"),
           std::string(R"({"default":"deny","next_id":1,"rules":[],"resolve":["a.com:1:8.8.8.8","a.com:1:8.8.4.4"]})"),
           R"({"default":"deny","next_id":1,"rules":[)" + rule + "]}",
           R"({"default":"deny","next_id":3,"rules":[)" + rule + "," + rule + "]}",
           std::string(
               R"({"default":"deny","next_id":3,"rules":[{"rule":"a.com","action":"allow","origin":"x","id":1},)") +
               R"({"rule":"a.com:1-65535","action":"allow","origin":"x","id":2}]})",
           std::string(
               R"({"default":"deny","next_id":3,"rules":[{"rule":"a.com","action":"allow","origin":"x","id":2},)") +
               R"({"rule":"b.com","action":"allow","origin":"x","id":1}]})",
           std::string(
               R"({"default":"deny","next_id":3,"rules":[{"rule":"a..com","action":"allow","origin":"x","id":1}]})"),
           std::string(
               R"({"default":"deny","next_id":3,"rules":[{"rule":"a.com","action":"Allow","origin":"x","id":1}]})"),
           std::string(R"({"default":"deny","next_id":3,"rules":[{"rule":"a.com","action":"allow","id":1}]})"),
           std::string(
               R"({"default":"deny","next_id":3,"rules":[{"rule":"a.com","action":"allow","origin":"x","id":0}]})"),
           std::string(R"({"default":"deny","next_id":3,"rules":["a.com"]})"),
       }) {
    EXPECT_THROW(policy_from_json(base::parse_json_object(text, "policy")), base::Error) << text;
  }
}

TEST(Presets, AreTheDocumentedOnes) {
  std::vector<std::string_view> names;
  for (const Preset& preset : presets()) names.push_back(preset.name);
  EXPECT_THAT(names, testing::ElementsAre("none", "locked", "balanced", "ask", "open"));
  EXPECT_FALSE(find_preset("none").has_network);
  EXPECT_EQ(find_preset(kDefaultPreset).fallback, Default::kDeny);
  EXPECT_TRUE(find_preset(kDefaultPreset).rules.empty());
  EXPECT_EQ(find_preset("ask").fallback, Default::kAsk);
  EXPECT_EQ(find_preset("open").fallback, Default::kAllow);
  EXPECT_THAT(find_preset("balanced").groups, testing::ElementsAre(GroupName{"registries"}, GroupName{"git"}));
  for (const Rule& rule : find_preset("balanced").rules) {
    EXPECT_EQ(rule.protocol, std::nullopt);
    EXPECT_EQ(rule.ports.first, rule.ports.last) << to_string(rule);
    EXPECT_NE(rule.host.kind, HostPattern::Kind::kAnyName);
  }
}

TEST(Presets, OthersAreRefusedWithTheList) {
  try {
    find_preset("opne");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_STREQ(error.what(), "there is no network preset 'opne' (the presets are none, locked, balanced, ask, open)");
  }
}

}  // namespace
}  // namespace caisson::gate
