// SPDX-License-Identifier: Apache-2.0

// A folder's configuration beneath the options, and the question about it where there is no terminal.

#include "cli/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "cli/run_options.h"
#include "config/trust.h"

namespace caisson::cli {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const char* no_variable(const char*) {
  return nullptr;
}

class ConfigurationTest : public testing::Test {
 protected:
  ConfigurationTest() { std::filesystem::create_directories(folder_ / "project/src"); }

  std::string project() const { return std::filesystem::canonical(folder_ / "project").string(); }
  std::vector<spec::Workspace> workspaces() const { return {{.id = 1, .host = project(), .guest = "/in/project"}}; }
  void write(const std::string& text) { base::write_file_atomic(project() + "/.caisson.toml", "version = 1\n" + text); }

  std::string refusal() {
    testing::internal::CaptureStderr();
    std::string what;
    try {
      accepted_configuration(workspaces());
    } catch (const base::Error& error) {
      what = error.what();
    }
    said_ = testing::internal::GetCapturedStderr();
    return what;
  }

  // Of what the file says, without asking.
  Configuration configuration(const std::string& text) const {
    return {.wishes = config::parse_folder_config("version = 1\n" + text, "f"),
            .source = {.path = "/p/.caisson.toml", .digest = "d"},
            .folder = "/in/project"};
  }
  spec::SandboxSpec spec_with(const Configuration& wished, const RunOptions& options = {}) const {
    Tail tail;
    tail.words = {"true"};
    tail.separated = true;
    return make_spec(options, tail, surroundings(wished));
  }
  gate::BuiltPolicy policy_with(const Configuration& wished, const RunOptions& options = {}) const {
    return make_policy(options, workspaces(), surroundings(wished));
  }
  Surroundings surroundings(const Configuration& wished) const {
    return {.stdin_is_terminal = true,
            .variable = no_variable,
            .random = 5,
            .standing = {.folder = project() + "/src", .home = "/home/nobody-here"},
            .workspaces = workspaces(),
            .configuration = &wished};
  }

  base::TempFolder folder_;
  base::ScopedEnvironment data_{"XDG_DATA_HOME", folder_.path().c_str()};
  std::string said_;
};

TEST_F(ConfigurationTest, WithoutAFileOrAFolderThereIsNone) {
  EXPECT_FALSE(accepted_configuration(workspaces()));
  EXPECT_FALSE(accepted_configuration({}));
  write("");
  EXPECT_FALSE(accepted_configuration({{.id = 1, .host = project() + "/.caisson.toml", .guest = "/f", .file = true}}));
  EXPECT_FALSE(accepted_configuration({{.id = 1, .host = project() + "/src", .guest = "/s"}})) << "one above it";
}

TEST_F(ConfigurationTest, WhatWidensIsShownAndRefusedWithTheCommandThatAcceptsIt) {
  write("setup = [\"make \\u001b[2J\"]\n[limits]\ncpus = 1\n");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("the configuration '" + project() + "/.caisson.toml' was not accepted"),
                               HasSubstr("caisson trust " + project() + " shows it"), HasSubstr("--no-config")));
  EXPECT_THAT(said_, AllOf(HasSubstr("is new"), HasSubstr("'make \\x1b[2J'"), Not(HasSubstr("\x1b"))));
  const auto file = config::read_config_file(project());
  config::TrustStore().accept(project(), file->digest);
  EXPECT_EQ(refusal(), "");
  EXPECT_THAT(said_, HasSubstr("1 processors instead of 2"));
  write("setup = [\"make  \"]\n");
  EXPECT_THAT(refusal(), HasSubstr("was not accepted"));
  EXPECT_THAT(said_, HasSubstr("has changed since it was accepted"));
  write("setup = [\"make \\u001b[2J\"]\n[limits]\ncpus = 1\n");
  EXPECT_THAT(refusal(), HasSubstr("was not accepted"));
}

TEST_F(ConfigurationTest, WhatNarrowsCountsAndIsSaid) {
  write("mask = [\"*.secret\"]\n[network]\ndeny = [\"a.example\"]\n");
  EXPECT_EQ(refusal(), "");
  EXPECT_EQ(said_, "caisson: '" + project() +
                       "/.caisson.toml': it may not reach 'a.example'; files called '*.secret' are not seen\n");
  const auto found = accepted_configuration(workspaces());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->source.path, project() + "/.caisson.toml");
  EXPECT_EQ(found->source.digest, config::read_config_file(project())->digest);
  EXPECT_EQ(found->folder, "/in/project");
}

TEST_F(ConfigurationTest, AListThatCannotBeReadAcceptsNothing) {
  write("[limits]\ncpus = 3\n");
  config::TrustStore().accept(project(), config::read_config_file(project())->digest);
  EXPECT_EQ(refusal(), "");
  base::write_file_atomic(folder_ / "caisson/trusted.json", "{");
  EXPECT_THAT(refusal(), HasSubstr("remove the file"));
}

TEST_F(ConfigurationTest, ReachesTheSpec) {
  const spec::SandboxSpec spec = spec_with(
      configuration("image = \"node\"\nworkdir = \"web\"\nports = [\"8080:80\"]\nmask = [\"*.m\"]\nunmask = "
                    "[\"*.u\"]\n[limits]\nmemory = "
                    "\"3G\"\ncpus = 3\ndisk = \"5G\"\npids = 100\ntimeout = \"90\"\n[environment]\nA = \"1\"\n"));
  EXPECT_EQ(spec.image, "node");
  EXPECT_EQ(spec.command.folder, "/in/project/web");
  ASSERT_EQ(spec.ports.size(), 1U);
  EXPECT_EQ(spec.ports[0].host_port, 8080);
  EXPECT_EQ(spec.masks.back(), "*.m");
  EXPECT_EQ(spec.unmasks.back(), "*.u");
  EXPECT_EQ(spec.memory, base::gibibytes(3));
  EXPECT_EQ(spec.cpus, 3U);
  EXPECT_EQ(spec.disk, base::gibibytes(5));
  EXPECT_EQ(spec.pids, 100U);
  EXPECT_EQ(spec.timeout, std::chrono::seconds(90));
  EXPECT_THAT(spec.environment, ElementsAre("A=1"));
  ASSERT_TRUE(spec.config);
  EXPECT_EQ(spec.config->digest, "d");
}

TEST_F(ConfigurationTest, LeavesWhatItDoesNotSay) {
  const spec::SandboxSpec spec = spec_with(configuration(""));
  EXPECT_EQ(spec.image, "base");
  EXPECT_EQ(spec.cpus, 2U);
  EXPECT_FALSE(spec.timeout);
  EXPECT_EQ(spec.masks, spec::default_masks());
  EXPECT_EQ(spec.command.folder, "/in/project/src") << "where the user is";
}

TEST_F(ConfigurationTest, OptionsComeBeforeIt) {
  RunOptions options;
  options.image = "mine";
  options.cpus = "1";
  options.memory = "1G";
  options.disk = "2G";
  options.pids = "50";
  options.timeout = "30";
  options.folder = "/srv";
  options.environment = {"A=mine"};
  options.ports = {"9090:80", "7:7"};
  options.masks = {"*.mine"};
  const spec::SandboxSpec spec = spec_with(
      configuration(
          "image = \"node\"\nworkdir = \"web\"\nports = [\"8080:80\", \"7:70\", \"5:5\"]\nunmask = [\"*.u\"]\n"
          "[limits]\nmemory = \"3G\"\ncpus = 3\ndisk = \"5G\"\npids = 100\ntimeout = \"90\"\n"
          "[environment]\nA = \"1\"\nB = \"2\"\n"),
      options);
  EXPECT_EQ(spec.image, "mine");
  EXPECT_EQ(spec.cpus, 1U);
  EXPECT_EQ(spec.memory, base::gibibytes(1));
  EXPECT_EQ(spec.disk, base::gibibytes(2));
  EXPECT_EQ(spec.pids, 50U);
  EXPECT_EQ(spec.timeout, std::chrono::seconds(30));
  EXPECT_EQ(spec.command.folder, "/srv");
  EXPECT_THAT(spec.environment, ElementsAre("B=2", "A=mine"));
  ASSERT_EQ(spec.ports.size(), 3U);
  EXPECT_EQ(spec.ports[0].host_port, 9090);
  EXPECT_EQ(spec.ports[2].host_port, 5);
  EXPECT_EQ(spec.masks.back(), "*.mine");
  // It would show what the user has just hidden.
  EXPECT_THAT(spec.unmasks, Not(Contains("*.u")));
}

TEST_F(ConfigurationTest, ItsNetworkCountsWhereNoOptionChoosesOne) {
  const Configuration wished =
      configuration("[network]\npreset = \"open\"\nallow = [\"10.0.0.7\"]\ndeny = [\"d.example\"]\n");
  EXPECT_EQ(policy_with(wished).preset, "open");
  EXPECT_EQ(policy_with(wished).policy.entries().size(), 2U);
  RunOptions options;
  options.net = "locked";
  EXPECT_EQ(policy_with(wished, options).preset, "locked");
  ASSERT_EQ(policy_with(wished, options).policy.entries().size(), 1U);
  EXPECT_FALSE(policy_with(wished, options).policy.entries()[0].allow);
  EXPECT_EQ(policy_with(wished, options).policy.entries()[0].origin, ".caisson.toml");
  options.net = "none";
  EXPECT_FALSE(policy_with(wished, options).has_network);
}

TEST_F(ConfigurationTest, PathsInMessagesAreWordsOfAShell) {
  EXPECT_EQ(shell_word("/srv/a-b_c.d"), "/srv/a-b_c.d");
  EXPECT_EQ(shell_word("/a b"), "'/a b'");
  EXPECT_EQ(shell_word("/it's; rm -rf ~"), "'/it'\\''s; rm -rf ~'");
  EXPECT_EQ(shell_word("/\x1b[2J"), "'/\\x1b[2J'");
}

}  // namespace
}  // namespace caisson::cli
