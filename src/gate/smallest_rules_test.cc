// SPDX-License-Identifier: Apache-2.0

#include "gate/smallest_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "gate/learned_policy.h"
#include "gate/policy_file.h"

namespace caisson::gate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> smallest(const std::vector<Used>& used, Merge merge = Merge::kYes) {
  std::vector<std::string> texts;
  for (const Rule& rule : smallest_rules({used.begin(), used.end()}, merge)) texts.push_back(to_string(rule));
  return texts;
}

Used tcp(const char* name, uint16_t port = 443) {
  return {Protocol::kTcp, std::string(name), port};
}

TEST(SmallestRules, MergeNoPortsOfThisMachineAndItsNetwork) {
  EXPECT_THAT(smallest({tcp("host.caisson.internal", 3000),
                        tcp("host.caisson.internal", 3001),
                        {Protocol::kTcp, *IpAddress::parse("10.0.0.5"), 1},
                        {Protocol::kTcp, *IpAddress::parse("10.0.0.5"), 2}}),
              ElementsAre("10.0.0.5:1", "10.0.0.5:2", "host.caisson.internal:3000", "host.caisson.internal:3001"));
}

TEST(SmallestRules, AreExact) {
  EXPECT_THAT(smallest({}), IsEmpty());
  EXPECT_THAT(smallest({tcp("b.example"), tcp("a.example", 80), tcp("b.example")}),
              ElementsAre("a.example:80", "b.example:443"));
  EXPECT_THAT(smallest({{Protocol::kUdp, *IpAddress::parse("2001:db8::7"), 53},
                        {Protocol::kTcp, *IpAddress::parse("192.0.2.7"), 53}}),
              ElementsAre("192.0.2.7:53", "udp:[2001:db8::7]:53"));
}

TEST(SmallestRules, AHostWithSeveralPortsIsOne) {
  EXPECT_THAT(smallest({tcp("a.example", 80), tcp("a.example", 443), {Protocol::kUdp, std::string("a.example"), 443}}),
              ElementsAre("a.example", "udp:a.example:443"));
}

TEST(SmallestRules, AStarStandsForFourNames) {
  const std::vector<Used> three = {tcp("a.x.example"), tcp("b.x.example"), tcp("c.x.example")};
  EXPECT_THAT(smallest(three), ElementsAre("a.x.example:443", "b.x.example:443", "c.x.example:443"));

  std::vector<Used> same_name = three;
  same_name.push_back(tcp("c.x.example"));
  EXPECT_EQ(smallest(same_name).size(), 3U);

  std::vector<Used> four = three;
  four.push_back(tcp("d.x.example"));
  EXPECT_THAT(smallest(four), ElementsAre("*.x.example:443"));

  std::vector<Used> other_port = three;
  other_port.push_back(tcp("d.x.example", 80));
  EXPECT_EQ(smallest(other_port).size(), 4U);

  std::vector<Used> deeper = three;
  deeper.push_back(tcp("d.y.x.example"));
  EXPECT_EQ(smallest(deeper).size(), 4U);
}

TEST(SmallestRules, AreMergedOnlyWhenThatIsAskedFor) {
  EXPECT_THAT(smallest({tcp("a.x.example"), tcp("b.x.example"), tcp("c.x.example"), tcp("d.x.example")}, Merge::kNo),
              ElementsAre("a.x.example:443", "b.x.example:443", "c.x.example:443", "d.x.example:443"));
  EXPECT_THAT(smallest({tcp("a.example", 80), tcp("a.example", 443)}, Merge::kNo),
              ElementsAre("a.example:443", "a.example:80"));
}

TEST(Uses, AreBoundedAndReadBack) {
  Uses uses;
  uses.add(tcp("a.example"));
  uses.add({Protocol::kUdp, *IpAddress::parse("2001:db8::7"), 53});
  uses.add(tcp("tcp", 80));
  const Uses again = uses_from_json(to_json(uses));
  EXPECT_EQ(again.targets, uses.targets);
  EXPECT_TRUE(again.all);
  for (size_t i = 0; i < Uses::kMostTargets; ++i) uses.add(tcp(("n" + std::to_string(i) + ".example").c_str()));
  EXPECT_EQ(uses.targets.size(), Uses::kMostTargets);
  EXPECT_FALSE(uses_from_json(to_json(uses)).all);
  for (const char* wrong : {"*.example:443", "a.example", "a.example:1-2", "10.0.0.0/8:1", "a.example:443 GET /"}) {
    const base::Json json{{"targets", {wrong}}, {"all", true}};
    EXPECT_THROW(uses_from_json(json), base::Error) << wrong;
  }
}

TEST(LearnedPolicy, SaysWhatWasUsedAndWhatWasRefused) {
  Uses uses;
  uses.add(tcp("a.example"));
  uses.add({Protocol::kUdp, std::string("b.example"), 123});
  EXPECT_EQ(learned_policy(uses, {}, Merge::kNo),
            "[network]\npreset = \"locked\"\nallow = [\n  \"a.example:443\",\n  \"udp:b.example:123\",\n]\n");
  uses.all = false;
  Refusals refusals;
  refusals.targets["in\n\x01.example:443"] = {.count = 2, .reason = "it is\rprivate", .allow = ""};
  const std::string text = learned_policy(uses, refusals, Merge::kNo);
  EXPECT_THAT(text, ::testing::HasSubstr("more than 4096 targets"));
  EXPECT_THAT(text, ::testing::HasSubstr("#   in\\n\\x01.example:443: it is\\x0dprivate\n"));
  EXPECT_EQ(parse_policy_file(text, "p.toml").allow.size(), 2U);
}

TEST(SmallestRules, NoStarWhereNamesHaveManyOwners) {
  EXPECT_EQ(smallest({tcp("a.example"), tcp("b.example"), tcp("c.example"), tcp("d.example")}).size(), 4U);
  EXPECT_EQ(smallest({tcp("a.co.uk"), tcp("b.co.uk"), tcp("c.co.uk"), tcp("d.co.uk")}).size(), 4U);
  EXPECT_EQ(smallest({tcp("a"), tcp("b"), tcp("c"), tcp("d")}).size(), 4U);
  EXPECT_EQ(smallest({tcp("a.caisson.internal"), tcp("b.caisson.internal"), tcp("c.caisson.internal"),
                      tcp("host.caisson.internal")})
                .size(),
            4U);
  EXPECT_THAT(smallest({tcp("a.shop.uk"), tcp("b.shop.uk"), tcp("c.shop.uk"), tcp("d.shop.uk")}),
              ElementsAre("*.shop.uk:443"));
}

}  // namespace
}  // namespace caisson::gate
