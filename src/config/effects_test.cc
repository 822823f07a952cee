// SPDX-License-Identifier: Apache-2.0

#include "config/effects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caisson::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<Effect> effects(std::string_view text) {
  return effects_of(parse_folder_config("version = 1\n" + std::string(text), "f"));
}

// "+ TEXT" for what widens, "- TEXT" for the rest.
std::vector<std::string> lines(std::string_view text) {
  std::vector<std::string> all;
  for (const Effect& effect : effects(text)) all.push_back((effect.widens ? "+ " : "- ") + effect.text);
  return all;
}

TEST(Effects, ThereAreNoneOfWhatIsSoAnyway) {
  EXPECT_THAT(lines(""), IsEmpty());
  EXPECT_THAT(lines("image = \"base\"\nsetup = []\nports = []\nmask = []\n[limits]\nmemory = \"2G\"\ncpus = 2\n"
                    "disk = \"16G\"\npids = 4096\n[network]\npreset = \"locked\"\nallow = []\nconnections = 4096\n"),
              IsEmpty());
}

TEST(Effects, LimitsWidenWhereTheyAreMore) {
  EXPECT_THAT(lines("[limits]\nmemory = \"3G\"\ncpus = 3\ndisk = \"17G\"\npids = 4097\n"),
              ElementsAre("+ 3 GiB of memory instead of 2 GiB", "+ 3 processors instead of 2",
                          "+ 17 GiB of disk instead of 16 GiB", "+ 4097 processes instead of 4096"));
  EXPECT_THAT(lines("[limits]\nmemory = \"1G\"\ncpus = 1\ndisk = \"8G\"\npids = 100\ntimeout = \"90\"\n"),
              ElementsAre("- 1 GiB of memory instead of 2 GiB", "- 1 processors instead of 2",
                          "- 8 GiB of disk instead of 16 GiB", "- 100 processes instead of 4096",
                          "- the command is ended after 90 s"));
  EXPECT_THAT(lines("[limits]\npids = 0\n"), ElementsAre("+ any number of processes instead of 4096"));
  // By a byte, whatever the words say.
  EXPECT_THAT(lines("[limits]\nmemory = \"2147483649\"\n"), ElementsAre("+ 2.0 GiB of memory instead of 2 GiB"));
}

TEST(Effects, PresetsWidenWhereTheyAllowMore) {
  EXPECT_THAT(lines("[network]\npreset = \"none\"\n"), ElementsAre("- its network is 'none': no network at all"));
  for (const char* preset : {"balanced", "ask", "open"}) {
    const auto of_preset = effects(std::string("[network]\npreset = \"") + preset + "\"\n");
    ASSERT_EQ(of_preset.size(), 1U) << preset;
    EXPECT_TRUE(of_preset[0].widens) << preset;
    EXPECT_EQ(of_preset[0].key, "network.preset");
  }
}

TEST(Effects, RulesWidenWhereTheyAllow) {
  EXPECT_THAT(lines("[network]\nallow = [\"a.example:443\", \"@git\", \"@registries\", \"10.0.0.7\", "
                    "\"host.caisson.internal:22\"]\ndeny = [\"b.example\"]\nrate = \"1M\"\ntotal = \"2G\"\n"),
              ElementsAre("+ it may reach 'a.example:443'",
                          "+ it may reach '@git': the hosts of the git remotes that the folder names",
                          "+ it may reach '@registries': where this machine's packages come from",
                          "+ it may reach '10.0.0.7', also where that is no public address",
                          "+ it may reach 'host.caisson.internal:22', which is this machine itself",
                          "- it may not reach 'b.example'", "- 1 MiB a second over the network",
                          "- 2 GiB over the network in all"));
  EXPECT_THAT(
      lines("[network]\ndeny = [\"b.example:443 GET /x\"]\n"),
      ElementsAre("+ it may not reach 'b.example:443 GET /x': for that, this machine reads what is sent to such "
                  "a host"));
  EXPECT_THAT(lines("[network]\nconnections = 5000\n"), ElementsAre("+ 5000 connections at a time instead of 4096"));
  EXPECT_THAT(lines("[network]\nconnections = 5\n"), ElementsAre("- 5 connections at a time instead of 4096"));
}

TEST(Effects, TheRestWidensButMasksAndWorkdir) {
  EXPECT_THAT(
      lines("image = \"node\"\nsetup = [\"npm ci\"]\nports = [\"8080:80\", \"443\", \"0.0.0.0:1:2\", \"[::1]:3:4\"]\n"
            "mask = [\"*.a\"]\nunmask = [\".env\"]\nworkdir = \"src\"\n[environment]\nA = \"x=y\"\n"),
      ElementsAre("+ it runs before the first command of a new sandbox: 'npm ci'",
                  "+ port 8080 of this machine leads to its port 80",
                  "+ a free port of this machine leads to its port 443",
                  "+ port 1 of this machine leads to its port 2, reachable from other machines at '0.0.0.0'",
                  "+ port 3 of this machine leads to its port 4",
                  "+ files called '.env' are seen in every workspace, although they may be secret",
                  "+ its image is 'node' instead of 'base'", "+ the variable A is 'x=y'",
                  "- files called '*.a' are not seen", "- the command begins in 'src' of the folder"));
  EXPECT_THAT(lines("workdir = \".\"\n"), ElementsAre("- the command begins in the folder's top"));
  EXPECT_THAT(lines("workdir = \"/srv\"\n"), ElementsAre("- the command begins in '/srv'"));
}

// A terminal's control bytes, marks that turn the direction of a text, letters that look like others.
TEST(Effects, TextsArePrintableAscii) {
  const auto all = effects(
      "setup = [\"\\u001b[2J\\u0007\\n\\u202eevil\\u0430\\u009b\"]\nmask = [\"\\u001b\"]\nunmask = "
      "[\"\\u007f\"]\nworkdir = "
      "\"\\u001b\"\n[environment]\nA = \"\\u001b]0;x\\u0007\"\n");
  EXPECT_EQ(all.size(), 5U);
  for (const Effect& effect : all) {
    for (const char c : effect.text) EXPECT_TRUE(c >= 0x20 && c <= 0x7E) << effect.text;
  }
  EXPECT_EQ(
      all[0].text,
      "it runs before the first command of a new sandbox: '\\x1b[2J\\x07\\n\\xe2\\x80\\xaeevil\\xd0\\xb0\\xc2\\x9b'");
}

TEST(Effects, OneThatWidensIsEnough) {
  EXPECT_FALSE(widens(effects("")));
  EXPECT_FALSE(widens(effects("mask = [\"x\"]\n[limits]\ncpus = 1\n")));
  EXPECT_TRUE(widens(effects("mask = [\"x\"]\n[limits]\ncpus = 3\n")));
}

}  // namespace
}  // namespace caisson::config
