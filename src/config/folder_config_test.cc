// SPDX-License-Identifier: Apache-2.0

#include "config/folder_config.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace caisson::config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// With the version's line before it: what is given begins on line 2.
FolderConfig parsed(std::string_view text) {
  return parse_folder_config("version = 1\n" + std::string(text), "/p/.caisson.toml");
}

std::string refusal_of(const std::string& whole) {
  try {
    parse_folder_config(whole, "/p/.caisson.toml");
  } catch (const base::Error& error) {
    return error.what();
  }
  return {};
}

std::string refusal(std::string_view text) {
  return refusal_of("version = 1\n" + std::string(text));
}

// `count` texts that differ.
std::string list_of(size_t count, const char* form) {
  std::string list = "[";
  for (size_t i = 0; i < count; ++i) list += fmt::format(fmt::runtime(form), i + 1) + ", ";
  return list + "]";
}

TEST(FolderConfig, HasEveryKey) {
  const FolderConfig config = parsed(
      "image = \"team/node:20\"\nworkdir = \"src/app\"\nsetup = [\"npm ci\", 'echo \"x\"']\nports = [\"8080:80\", "
      "\"443\"]\n"
      "mask = [\"*.secret\", \"a/b\"]\nunmask = [\".env.test\"]\n"
      "[limits]\nmemory = \"4G\"\ncpus = 3\ndisk = \"32G\"\npids = 0\ntimeout = \"1h30m\"\n"
      "[network]\npreset = \"balanced\"\nallow = [\"a.example:443\", \"@git\"]\ndeny = [\"b.example\"]\nrate = \"1M\"\n"
      "total = \"1G\"\nconnections = 9\n[environment]\nMODE = \"test\"\n_B2 = \"\"\n");
  EXPECT_EQ(config.image, "team/node:20");
  EXPECT_EQ(config.workdir, "src/app");
  EXPECT_THAT(config.setup, ElementsAre("npm ci", "echo \"x\""));
  ASSERT_EQ(config.ports.size(), 2U);
  EXPECT_EQ(config.ports[0].host_port, 8080);
  EXPECT_EQ(config.ports[1].host_port, 0);
  EXPECT_THAT(config.masks, ElementsAre("*.secret", "a/b"));
  EXPECT_THAT(config.unmasks, ElementsAre(".env.test"));
  EXPECT_EQ(config.memory, base::gibibytes(4));
  EXPECT_EQ(config.cpus, 3U);
  EXPECT_EQ(config.disk, base::gibibytes(32));
  EXPECT_EQ(config.pids, 0U);
  EXPECT_EQ(config.timeout, std::chrono::minutes(90));
  ASSERT_TRUE(config.network);
  EXPECT_EQ(config.network->preset, "balanced");
  EXPECT_EQ(config.network->allow.size(), 2U);
  EXPECT_EQ(config.network->deny.size(), 1U);
  EXPECT_EQ(config.network->bytes_per_second, base::mebibytes(1));
  EXPECT_EQ(config.network->connections, 9U);
  // Not where on the host it is: a sandbox is told the origin of nothing, the ledger has it.
  EXPECT_EQ(config.network->path, ".caisson.toml");
  EXPECT_THAT(config.environment, ElementsAre("MODE=test", "_B2="));
}

TEST(FolderConfig, MayLeaveOutEveryKeyButTheVersion) {
  const FolderConfig config = parsed("");
  EXPECT_FALSE(config.image || config.workdir || config.memory || config.cpus || config.disk || config.pids ||
               config.timeout || config.network);
  EXPECT_THAT(config.setup, IsEmpty());
  EXPECT_THAT(config.environment, IsEmpty());
  EXPECT_EQ(refusal("[limits]\n[network]\n[environment]\n"), "");
}

TEST(FolderConfig, TheVersionComesFirst) {
  EXPECT_EQ(
      refusal_of(""),
      "cannot use the configuration '/p/.caisson.toml': the key 'version' is missing (begin the file with version "
      "= 1)");
  EXPECT_THAT(
      refusal_of("# x\nversion = 2\nfuture = 1\n"),
      AllOf(HasSubstr("line 2: this version of Caisson does not know files of version 2"), HasSubstr("version = 1")));
  EXPECT_THAT(refusal_of("version = \"1\"\n"), HasSubstr("line 1: 'version' has a wrong type"));
  EXPECT_THAT(refusal_of("version = 1.0\n"), HasSubstr("wrong type"));
}

TEST(FolderConfig, UnknownKeysAreRefusedWithTheirLine) {
  EXPECT_EQ(
      refusal("imgae = \"x\"\n"),
      "cannot use the configuration '/p/.caisson.toml': line 2: the key 'imgae' is not known (the keys are version, "
      "image, workdir, setup, ports, mask and unmask; the tables [limits], [network] and [environment])");
  EXPECT_THAT(refusal("[limits]\n\nram = \"1G\"\n"),
              AllOf(HasSubstr("line 4: the key 'ram' is not known"), HasSubstr("the keys of [limits] are memory")));
  EXPECT_THAT(refusal("[network]\nnet = \"open\"\n"),
              AllOf(HasSubstr("line 3: the key 'net' is not known"), HasSubstr("the keys of [network] are")));
  EXPECT_THAT(refusal("[[image]]\n"), HasSubstr("line 2: 'image' has a wrong type"));
  // Nothing of the file's steers a terminal.
  EXPECT_THAT(refusal("\"\\u001b[2J\" = 1\n"), HasSubstr("line 2: the key '\\x1b[2J' is not known"));
}

TEST(FolderConfig, WhatIsNotForAFileIsRefusedWithTheReason) {
  EXPECT_THAT(refusal("agent = \"claude\"\n"), AllOf(HasSubstr("line 2"), HasSubstr("cannot choose an agent yet")));
  EXPECT_THAT(refusal("[agent]\n"), HasSubstr("cannot choose an agent yet"));
  EXPECT_THAT(refusal("secrets = []\n"), HasSubstr("has no secrets yet"));
  for (const char* key : {"workspace", "workspaces", "user", "engine"}) {
    EXPECT_THAT(refusal(fmt::format("{} = \"x\"\n", key)), AllOf(HasSubstr("line 2"), HasSubstr("the user's to say")))
        << key;
  }
}

TEST(FolderConfig, WrongTypesAreRefused) {
  for (const char* text : {"image = 1\n", "workdir = []\n", "[limits]\nmemory = 4\n", "[limits]\ncpus = \"4\"\n",
                           "[limits]\ncpus = 4.0\n", "[limits]\npids = true\n", "[limits]\ntimeout = 60\n"}) {
    EXPECT_THAT(refusal(text), HasSubstr("has a wrong type")) << text;
  }
  for (const char* text : {"setup = \"x\"\n", "ports = 80\n", "mask = {}\n", "unmask = \"x\"\n"})
    EXPECT_THAT(refusal(text), AllOf(HasSubstr("line 2"), HasSubstr("is no list"))) << text;
  for (const char* text : {"setup = [1]\n", "ports = [80]\n", "mask = [[]]\n", "unmask = [true]\n"})
    EXPECT_THAT(refusal(text), AllOf(HasSubstr("line 2"), HasSubstr("has what is no text"))) << text;
  for (const char* text : {"limits = 1\n", "network = []\n", "environment = [\"A=1\"]\n", "[[network]]\n"})
    EXPECT_THAT(refusal(text), AllOf(HasSubstr("line 2"), HasSubstr("is no table"))) << text;
  EXPECT_THAT(refusal("[environment]\nA = 1\n"), AllOf(HasSubstr("line 3"), HasSubstr("the variable 'A' is no text")));
}

TEST(FolderConfig, ValuesHaveTheBoundsOfTheOptions) {
  EXPECT_THAT(refusal("[limits]\nmemory = \"1M\"\n"), HasSubstr("line 3: memory is 1M (it can be 128M to 1T)"));
  EXPECT_THAT(refusal("[limits]\nmemory = \"much\"\n"), AllOf(HasSubstr("line 3"), HasSubstr("not a size: 'much'")));
  EXPECT_THAT(refusal("[limits]\ncpus = 0\n"), HasSubstr("line 3: cpus is 0 (it can be 1 to 64)"));
  EXPECT_THAT(refusal("[limits]\ncpus = -1\n"), HasSubstr("line 3: cpus is -1"));
  EXPECT_THAT(refusal("[limits]\ncpus = 4294967297\n"), HasSubstr("line 3: cpus is 4294967297"));
  EXPECT_THAT(refusal("[limits]\ndisk = \"1M\"\n"), HasSubstr("line 3: disk is 1M"));
  EXPECT_THAT(refusal("[limits]\npids = 5\n"), HasSubstr("line 3: pids is 5"));
  EXPECT_THAT(refusal("[limits]\ntimeout = \"soon\"\n"),
              AllOf(HasSubstr("line 3"), HasSubstr("not a duration: 'soon'")));
  EXPECT_THAT(refusal("[limits]\ntimeout = \"0\"\n"), HasSubstr("line 3: timeout is 0 seconds"));
  EXPECT_THAT(refusal("image = \"../x\"\n"), AllOf(HasSubstr("line 2"), HasSubstr("'../x' is not valid")));
  EXPECT_THAT(refusal("image = \"\"\n"), HasSubstr("line 2"));
  EXPECT_THAT(refusal("ports = [\n\"80\",\n\"0:x\"]\n"), AllOf(HasSubstr("line 4"), HasSubstr("cannot publish '0:x'")));
  EXPECT_THAT(refusal("ports = [\"8080:80\", \"8080:81\"]\n"), HasSubstr("publish: the port 8080"));
  EXPECT_THAT(refusal("mask = [\"\"]\n"), HasSubstr("line 2: mask is 0 bytes long"));
  EXPECT_THAT(refusal("unmask = [\"a/../b\"]\n"), AllOf(HasSubstr("line 2"), HasSubstr("'..' in it")));
  EXPECT_THAT(refusal("setup = [\" \"]\n"), AllOf(HasSubstr("line 2"), HasSubstr("a command is empty")));
  EXPECT_THAT(refusal("setup = [\"a\\u0000b\"]\n"), AllOf(HasSubstr("line 2"), HasSubstr("NUL")));
  EXPECT_THAT(refusal("[network]\nallow = [\"a.example:0\"]\n"),
              AllOf(HasSubstr("line 3"), HasSubstr("is not a port")));
  EXPECT_THAT(refusal("[network]\nallow = [\"localhost:80\"]\n"),
              AllOf(HasSubstr("line 2"), HasSubstr("is the sandbox itself")));
  EXPECT_THAT(refusal("[network]\ndeny = [\"@git\"]\n"), HasSubstr("cannot be denied"));
  EXPECT_THAT(refusal("[network]\npreset = \"none\"\ndeny = [\"a.example\"]\n"), HasSubstr("takes no rules"));
  for (const char* name : {"\"A B\"", "\"1A\"", "\"\"", "\"A=B\"", "\"A\\u001b\""})
    EXPECT_THAT(refusal(fmt::format("[environment]\n{} = \"x\"\n", name)),
                AllOf(HasSubstr("line 3"), HasSubstr("is not a variable's name")))
        << name;
  EXPECT_THAT(refusal("[environment]\nA = \"x\\u0000y\"\n"), AllOf(HasSubstr("line 3"), HasSubstr("NUL")));
}

TEST(FolderConfig, WorkdirIsInTheFolderOrAbsolute) {
  EXPECT_EQ(parsed("workdir = \"./a//b/\"\n").workdir, "a/b");
  EXPECT_EQ(parsed("workdir = \".\"\n").workdir, "");
  EXPECT_EQ(parsed("workdir = \"/srv/./x/\"\n").workdir, "/srv/x");
  for (const char* path : {"", "..", "a/../../b", "/a/.."}) {
    EXPECT_THAT(refusal(fmt::format("workdir = \"{}\"\n", path)), AllOf(HasSubstr("line 2"), HasSubstr("workdir")))
        << path;
  }
}

TEST(FolderConfig, IsBounded) {
  EXPECT_THAT(refusal(std::string(kMaxFileBytes, '\n')), HasSubstr("larger than 65536 bytes"));
  EXPECT_EQ(refusal("setup = " + list_of(kMostSetups, "\"run {}\"")), "");
  EXPECT_THAT(refusal("setup = " + list_of(kMostSetups + 1, "\"run {}\"")), HasSubstr("more than 64 commands"));
  EXPECT_THAT(refusal("setup = [\"" + std::string(9000, 'x') + "\"]"), HasSubstr("a command has 9000 bytes"));
  EXPECT_THAT(refusal("ports = " + list_of(kMostPorts + 1, "\"{}\"")), HasSubstr("more than 64 ports"));
  EXPECT_THAT(refusal("mask = " + list_of(kMostPatterns + 1, "\"m{}\"")), HasSubstr("more than 128 patterns"));
  EXPECT_THAT(refusal("unmask = " + list_of(kMostPatterns + 1, "\"m{}\"")), HasSubstr("more than 128 patterns"));
  EXPECT_EQ(refusal("[network]\nallow = " + list_of(kMostRules, "\"a{}.example\"")), "");
  EXPECT_THAT(refusal("[network]\nallow = " + list_of(kMostRules + 1, "\"a{}.example\"")),
              HasSubstr("more than 256 rules"));
  EXPECT_THAT(refusal("[network]\ndeny = " + list_of(kMostRules + 1, "\"a{}.example\"")),
              HasSubstr("more than 256 rules"));
  std::string variables = "[environment]\n";
  for (size_t i = 0; i <= kMostVariables; ++i) variables += fmt::format("V{} = \"\"\n", i);
  EXPECT_THAT(refusal(variables), HasSubstr("more than 128 variables"));
}

TEST(FolderConfig, WhatIsNoTomlIsRefusedWithItsLine) {
  EXPECT_THAT(refusal("image = \"x\n"), HasSubstr("line 2"));
  EXPECT_THAT(refusal("image = \"x\"\nimage = \"x\"\n"), HasSubstr("line 3"));
  EXPECT_THAT(refusal("setup = [\"\xc3\xa9\"]\n"), AllOf(HasSubstr("line 2"), HasSubstr("not ASCII")));
  EXPECT_THAT(parsed("setup = [\"echo \\u00e9\"]\n").setup, ElementsAre("echo \xc3\xa9"));
}

}  // namespace
}  // namespace caisson::config
