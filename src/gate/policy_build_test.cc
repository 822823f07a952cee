// SPDX-License-Identifier: Apache-2.0

#include "gate/policy_build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace caisson::gate {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// "allow RULE (ORIGIN)" of each entry.
std::vector<std::string> entries(const BuiltPolicy& built) {
  std::vector<std::string> texts;
  for (const Entry& entry : built.policy.entries()) {
    texts.push_back((entry.allow ? "allow " : "deny ") + to_string(entry.rule) + " (" + entry.origin + ")");
  }
  return texts;
}

std::string refusal(const PolicyWish& wish) {
  try {
    build_policy(wish);
  } catch (const base::Error& error) {
    return error.what();
  }
  return {};
}

PolicyWish wish_with_groups() {
  PolicyWish wish;
  wish.registries = [] { return GroupRules{{parse_rule("r.example:443")}, {"@registries: a note"}}; };
  wish.git = [] { return GroupRules{{parse_rule("g.example:22")}, {"@git: a note"}}; };
  return wish;
}

TEST(PolicyBuild, LockedIsTheDefaultAndEmpty) {
  const BuiltPolicy built = build_policy({});
  EXPECT_EQ(built.preset, "locked");
  EXPECT_TRUE(built.has_network);
  EXPECT_EQ(built.policy.fallback(), Default::kDeny);
  EXPECT_THAT(entries(built), IsEmpty());
  EXPECT_THAT(built.notes, IsEmpty());
}

TEST(PolicyBuild, EachEntrySaysWhereItIsFrom) {
  PolicyWish wish = wish_with_groups();
  wish.file = parse_policy_file("[network]\nallow = [\"f.example\", \"@git\"]\ndeny = [\"fd.example\"]\n", "p.toml");
  wish.allow = {"a.example:443", "@registries"};
  wish.deny = {"d.example"};
  const BuiltPolicy built = build_policy(wish);
  EXPECT_THAT(entries(built), ElementsAre("allow f.example (p.toml)", "allow g.example:22 (@git)",
                                          "deny fd.example (p.toml)", "allow a.example:443 (--allow)",
                                          "allow r.example:443 (@registries)", "deny d.example (--deny)"));
  EXPECT_THAT(built.notes, ElementsAre("@git: a note", "@registries: a note"));
}

TEST(PolicyBuild, AnAgentReachesWhatItNeedsInEveryNetworkThatThereIs) {
  PolicyWish wish = wish_with_groups();
  wish.agent = PolicyFile{.path = "agent mine", .allow = {parse_rule("a.example:443"), GroupName{"git"}}};
  wish.deny = {"d.example"};
  EXPECT_THAT(entries(build_policy(wish)),
              ElementsAre("allow a.example:443 (agent mine)", "allow g.example:22 (@git)", "deny d.example (--deny)"));
  wish.file = parse_policy_file("[network]\nallow = [\"f.example\"]\n", "p.toml");
  EXPECT_THAT(entries(build_policy(wish)), Contains("allow a.example:443 (agent mine)"));
  wish = PolicyWish{.preset = "none", .agent = wish.agent};
  EXPECT_FALSE(build_policy(wish).has_network);
  EXPECT_THAT(entries(build_policy(wish)), IsEmpty());
}

TEST(PolicyBuild, PresetsBringTheirRulesAndGroups) {
  PolicyWish wish = wish_with_groups();
  wish.preset = "balanced";
  EXPECT_THAT(entries(build_policy(wish)),
              AllOf(Contains("allow r.example:443 (@registries)"), Contains("allow g.example:22 (@git)"),
                    Contains(HasSubstr("(preset balanced)"))));
  wish.preset = "open";
  EXPECT_EQ(build_policy(wish).policy.fallback(), Default::kAllow);
  wish.preset = "other";
  EXPECT_THAT(refusal(wish), HasSubstr("the presets are"));
}

TEST(PolicyBuild, AGroupIsAskedForOnceAndOnlyWhereItIsUsed) {
  int asked = 0;
  PolicyWish wish;
  wish.registries = [&] {
    ++asked;
    return GroupRules{};
  };
  wish.allow = {"a.example"};
  build_policy(wish);
  EXPECT_EQ(asked, 0);
  wish.preset = "balanced";
  wish.allow = {"@registries", "@registries"};
  build_policy(wish);
  EXPECT_EQ(asked, 1);
}

TEST(PolicyBuild, TheOptionWinsOverTheFilesPreset) {
  PolicyWish wish;
  wish.file =
      parse_policy_file("[network]\npreset = \"open\"\nrate = \"1M\"\ntotal = \"2M\"\nconnections = 3\n", "p.toml");
  BuiltPolicy built = build_policy(wish);
  EXPECT_EQ(built.preset, "open");
  EXPECT_EQ(built.bytes_per_second, base::mebibytes(1));
  EXPECT_EQ(built.total, base::mebibytes(2));
  EXPECT_EQ(built.connections, 3U);
  wish.preset = "locked";
  EXPECT_EQ(build_policy(wish).preset, "locked");
}

TEST(PolicyBuild, TheFoldersWishesCountWhereNothingElseIsChosen) {
  PolicyWish wish = wish_with_groups();
  wish.folder = parse_policy_file(
      "[network]\npreset = \"ask\"\nallow = [\"f.example\"]\ndeny = [\"fd.example\"]\nrate = \"1M\"\n", "folder");
  wish.allow = {"a.example"};
  BuiltPolicy built = build_policy(wish);
  EXPECT_EQ(built.preset, "ask");
  EXPECT_EQ(built.bytes_per_second, base::mebibytes(1));
  EXPECT_THAT(entries(built),
              ElementsAre("allow f.example (folder)", "deny fd.example (folder)", "allow a.example (--allow)"));
  wish.preset = "locked";
  built = build_policy(wish);
  EXPECT_EQ(built.preset, "locked");
  EXPECT_EQ(built.bytes_per_second, std::nullopt);
  EXPECT_THAT(entries(built), ElementsAre("deny fd.example (folder)", "allow a.example (--allow)"));
  wish.preset = std::nullopt;
  wish.file = parse_policy_file("[network]\nallow = [\"p.example\"]\n", "p.toml");
  built = build_policy(wish);
  EXPECT_EQ(built.preset, "locked");
  EXPECT_THAT(entries(built),
              ElementsAre("deny fd.example (folder)", "allow p.example (p.toml)", "allow a.example (--allow)"));
}

TEST(PolicyBuild, NoNetworkNeedsNothingDeniedByTheFolder) {
  PolicyWish wish{.preset = "none"};
  wish.folder = parse_policy_file("[network]\nallow = [\"f.example\"]\ndeny = [\"fd.example\"]\n", "folder");
  EXPECT_FALSE(build_policy(wish).has_network);
  EXPECT_THAT(entries(build_policy(wish)), IsEmpty());
  // Of the folder's own none the user's rules are refused, as with the option.
  wish = {.allow = {"a.example"}};
  wish.folder = parse_policy_file("[network]\npreset = \"none\"\n", "folder");
  EXPECT_THAT(refusal(wish), HasSubstr("'none' takes no rules"));
}

TEST(PolicyBuild, NoneTakesNoRules) {
  EXPECT_FALSE(build_policy({.preset = "none"}).has_network);
  EXPECT_THAT(refusal({.preset = "none", .allow = {"a.example"}}), HasSubstr("'none' takes no rules"));
  EXPECT_THAT(refusal({.preset = "none", .deny = {"a.example"}}), HasSubstr("'none' takes no rules"));
  EXPECT_THAT(refusal({.preset = "none", .file = parse_policy_file("network.allow = [\"a.example\"]", "p")}),
              HasSubstr("'none' takes no rules"));
}

TEST(PolicyBuild, ARefusalNamesTheOption) {
  EXPECT_THAT(refusal({.allow = {"a.example:0"}}), HasSubstr("--allow: cannot read the rule 'a.example:0'"));
  EXPECT_THAT(refusal({.deny = {"a.example:0"}}), HasSubstr("--deny: cannot read the rule 'a.example:0'"));
  EXPECT_THAT(refusal({.deny = {"@git"}}), HasSubstr("--deny: the group '@git' cannot be denied"));
}

TEST(PolicyBuild, ARuleForLocalhostIsExplained) {
  for (const char* text : {"localhost:8080", "tcp:LOCALHOST:8080", "a.localhost:8080"}) {
    PolicyWish wish;
    wish.allow = {text};
    try {
      build_policy(wish);
      FAIL() << text;
    } catch (const base::Error& error) {
      EXPECT_NE(std::string(error.what()).find("host.caisson.internal:8080"), std::string::npos) << error.what();
    }
    wish.deny = std::move(wish.allow);
    wish.allow.clear();
    build_policy(wish);
  }
}

}  // namespace
}  // namespace caisson::gate
