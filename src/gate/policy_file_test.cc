// SPDX-License-Identifier: Apache-2.0

#include "gate/policy_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "gate/toml_text.h"

namespace caisson::gate {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// The error's text; "" where there is none.
std::string refusal(std::string_view text) {
  try {
    parse_policy_file(text, "p.toml");
  } catch (const base::Error& error) {
    return error.what();
  }
  return {};
}

TEST(PolicyFile, HasEveryKey) {
  const PolicyFile file = parse_policy_file(
      "# ours\n[network]\npreset = \"balanced\"\nallow = [\n  \"a.example:443\", # why\n  '@git',\n]\n"
      "deny = [\"**.b.example\"]\nrate = \"10M\"\ntotal = \"1G\"\nconnections = 500\n",
      "p.toml");
  EXPECT_EQ(file.path, "p.toml");
  EXPECT_EQ(file.preset, "balanced");
  ASSERT_EQ(file.allow.size(), 2U);
  EXPECT_EQ(std::get<Rule>(file.allow[0]), parse_rule("a.example:443"));
  EXPECT_EQ(std::get<GroupName>(file.allow[1]), GroupName{"git"});
  EXPECT_EQ(file.deny, std::vector<Rule>{parse_rule("**.b.example")});
  EXPECT_EQ(file.bytes_per_second, base::mebibytes(10));
  EXPECT_EQ(file.total, base::gibibytes(1));
  EXPECT_EQ(file.connections, 500U);
}

TEST(PolicyFile, MayLeaveOutEveryKey) {
  for (const char* text : {"", "[network]\n"}) {
    const PolicyFile file = parse_policy_file(text, "p.toml");
    EXPECT_EQ(file.preset, std::nullopt);
    EXPECT_TRUE(file.allow.empty() && file.deny.empty());
    EXPECT_EQ(file.bytes_per_second, std::nullopt);
    EXPECT_EQ(file.total, std::nullopt);
    EXPECT_EQ(file.connections, std::nullopt);
  }
}

TEST(PolicyFile, TakesRulesWithMethodsAndPaths) {
  const PolicyFile file = parse_policy_file("network.allow = [\"a.example:443 GET /x\"]", "p.toml");
  EXPECT_EQ(std::get<Rule>(file.allow.at(0)), parse_rule("a.example:443 GET /x"));
}

TEST(PolicyFile, ARefusalNamesFileLineRuleAndRemedy) {
  EXPECT_EQ(
      refusal("[network]\nallow = [\n  \"a.example\",\n  \"a.example:0\",\n]\n"),
      "cannot use the policy file 'p.toml': line 4: cannot read the rule 'a.example:0': '0' is not a port (a port is "
      "1 to 65535; leave it out for every port)");
  EXPECT_THAT(refusal("[network]\n\ndeny = [\"@git\"]\n"), AllOf(HasSubstr("line 3"), HasSubstr("cannot be denied")));
  EXPECT_THAT(refusal("[network]\nallow = [\"@other\"]\n"), AllOf(HasSubstr("line 2"), HasSubstr("no such group")));
  EXPECT_THAT(refusal("[network]\npreset = \"x\"\n"), AllOf(HasSubstr("line 2"), HasSubstr("the presets are none,")));
  EXPECT_THAT(refusal("[network]\nrate = \"x\"\n"), AllOf(HasSubstr("line 2"), HasSubstr("not a size")));
  EXPECT_THAT(refusal("[network]\ntotal = \"0\"\n"), AllOf(HasSubstr("line 2"), HasSubstr("not a size")));
}

TEST(PolicyFile, UnknownKeysAreRefused) {
  EXPECT_THAT(refusal("[network]\npreset = \"open\"\nalow = []\n"),
              AllOf(HasSubstr("line 3: the key 'alow' is not known"), HasSubstr("the keys of [network] are")));
  EXPECT_THAT(refusal("preset = \"open\"\n"), AllOf(HasSubstr("line 1"), HasSubstr("one table, [network]")));
  EXPECT_THAT(refusal("[network]\n[other]\n"), AllOf(HasSubstr("line 2"), HasSubstr("'other'")));
  EXPECT_THAT(refusal("[network.allow]\nx = 1\n"), HasSubstr("'allow' is no list"));
  EXPECT_THAT(refusal("network = 1\n"), HasSubstr("one table, [network]"));
  EXPECT_THAT(refusal("[[network]]\n"), HasSubstr("one table, [network]"));
}

TEST(PolicyFile, WrongTypesAreRefused) {
  EXPECT_THAT(refusal("[network]\npreset = 1\n"), AllOf(HasSubstr("line 2"), HasSubstr("wrong type")));
  EXPECT_THAT(refusal("[network]\nallow = \"a.example\"\n"), AllOf(HasSubstr("line 2"), HasSubstr("no list")));
  EXPECT_THAT(refusal("[network]\nallow = [\"a.example\",\n 7]\n"), AllOf(HasSubstr("line 3"), HasSubstr("no text")));
  EXPECT_THAT(refusal("[network]\nrate = 10\n"), AllOf(HasSubstr("line 2"), HasSubstr("write rate = \"10M\"")));
  EXPECT_THAT(refusal("[network]\nconnections = \"5\"\n"), HasSubstr("wrong type"));
  EXPECT_THAT(refusal("[network]\nconnections = 5.0\n"), HasSubstr("wrong type"));
  EXPECT_THAT(refusal("[network]\nconnections = 0\n"), HasSubstr("1 to 8000 can"));
  EXPECT_THAT(refusal("[network]\nconnections = 8001\n"), HasSubstr("1 to 8000 can"));
}

TEST(PolicyFile, WhatIsNoTomlIsRefusedWithItsLine) {
  EXPECT_THAT(refusal("[network]\npreset = \"open\n"), HasSubstr("line 2"));
  EXPECT_THAT(refusal("[network]\npreset = \"open\"\npreset = \"open\"\n"), HasSubstr("line 3"));
  EXPECT_THAT(refusal("[network]\n# \x01\n"), HasSubstr("line 2"));
  // These trip toml++ 3.3 itself.
  EXPECT_THAT(refusal("[network]\n\n[\n[\n"), HasSubstr("line 3: it is not TOML"));
}

// What toml++ 3.3 makes of these is undefined.
TEST(PolicyFile, OtherThanAsciiIsForCommentsOnly) {
  EXPECT_EQ(refusal("\xef\xbb\xbf# caf\xc3\xa9 \xff\n[network]\n# \xef\xb5\xbf"), "");
  for (const char* text :
       {"\n\n\xef\xb5\xbf(", "\n[network]\nallow = [\"\xc3\xa9.example\"]\n", "\n\nx = a'\xc3\xa9'"}) {
    EXPECT_THAT(refusal(text), AllOf(HasSubstr("line 3"), HasSubstr("not ASCII"))) << text;
  }
  EXPECT_THAT(refusal("[network]\nallow = [\"\\u00e9.example\"]\n"), HasSubstr("it is not ASCII (write its IDNA form"));
}

TEST(PolicyFile, NoneTakesNoRules) {
  EXPECT_EQ(refusal("[network]\npreset = \"none\"\n"), "");
  EXPECT_THAT(refusal("[network]\npreset = \"none\"\nallow = [\"a.example\"]\n"), HasSubstr("takes no rules"));
  EXPECT_THAT(refusal("[network]\npreset = \"none\"\ndeny = [\"a.example\"]\n"), HasSubstr("takes no rules"));
}

TEST(PolicyFile, IsBounded) {
  EXPECT_THAT(refusal(std::string(kMaxPolicyFileBytes + 1, '\n')), HasSubstr("larger than"));
  std::string deep = "a";
  for (size_t i = 0; i < 100000; ++i) deep += ".a";
  EXPECT_THAT(refusal(deep + " = 1\n"), HasSubstr("dots"));
  EXPECT_THAT(refusal("[network]\nallow = " + std::string(100000, '[')), HasSubstr("line 2"));
}

// What looks like the end of a string must not hide dots, nor what looks like its begin count them.
TEST(PolicyFile, DotsInStringsAndCommentsAreNotCounted) {
  const std::string dots(kMaxTomlDots + 1, '.');
  for (const std::string& text :
       {"x = '" + dots + "'", "x = \"" + dots + "\"", "x = \"\\\"" + dots + "\"",
        "x = \"\"\"\n\"" + dots + "\"\"\"\"\"", "x = '''\n'" + dots + "'''''", "# ' \" " + dots}) {
    EXPECT_NO_THROW(parse_toml(text)) << text.substr(0, 12);
  }
  for (const std::string& text : {"x = ''" + dots, "x = \"\"" + dots, "x = \"\\\\\"" + dots, "x = '\\'" + dots,
                                  "x = \"\"\"\"\"\"" + dots, "x = '''''''" + dots, "# '\n" + dots}) {
    try {
      parse_toml(text);
      ADD_FAILURE() << text.substr(0, 12);
    } catch (const base::Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("dots")) << text.substr(0, 12);
    }
  }
}

TEST(PolicyFile, IsReadFromAFile) {
  base::TempFolder folder;
  base::write_file_atomic(folder / "p.toml", "[network]\npreset = \"open\"\n");
  EXPECT_EQ(read_policy_file(folder / "p.toml").preset, "open");
  EXPECT_THROW(read_policy_file(folder / "missing"), base::Error);
  EXPECT_THROW(read_policy_file(folder.path()), base::Error);
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THROW(read_policy_file(folder / "pipe"), base::Error);
}

TEST(PolicyFile, ItsTextIsReadAgain) {
  const std::vector<Rule> rules = {parse_rule("a.example:443"), parse_rule("udp:[2001:db8::7]:53"),
                                   parse_rule("a.example:443 GET,HEAD /x/**")};
  const PolicyFile file = parse_policy_file(policy_file_text("locked", rules), "p.toml");
  EXPECT_EQ(file.preset, "locked");
  std::vector<Rule> read;
  for (const auto& what : file.allow) read.push_back(std::get<Rule>(what));
  EXPECT_EQ(read, rules);
}

}  // namespace
}  // namespace caisson::gate
