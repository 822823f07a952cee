// SPDX-License-Identifier: Apache-2.0

// The definitions that Caisson comes with.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agents/definition.h"
#include "base/file.h"
#include "base/install.h"
#include "secrets/known_services.h"

namespace caisson::agents {
namespace {

using testing::Contains;
using testing::IsEmpty;

Definition built_in(const std::string& name) {
  const std::string path = base::shared_file("agents/" + name + ".toml");
  return parse_definition(base::read_file(path), path);
}

TEST(BuiltInAgents, AllCanBeUsed) {
  for (const char* name : {"claude", "codex", "gemini", "opencode", "shell"}) EXPECT_EQ(built_in(name).name, name);
}

// A key is of no use where its service cannot be reached, and a host is not reached for nothing.
TEST(BuiltInAgents, ReachTheServicesOfTheirSecretsAndNothingElse) {
  for (const char* name : {"claude", "codex", "gemini", "opencode", "shell"}) {
    const Definition agent = built_in(name);
    std::vector<std::string> of_services;
    for (const SecretUse& use : agent.secrets) {
      const secrets::KnownService* service = secrets::find_service(use.name);
      ASSERT_NE(service, nullptr) << name << ": " << use.name;
      EXPECT_THAT(service->variables, Contains(use.variable)) << name;
      for (const std::string& host : service->hosts) of_services.push_back(host + ":443");
    }
    std::vector<std::string> reached;
    for (const Host& host : agent.hosts) reached.push_back(rule_text(host));
    EXPECT_THAT(reached, testing::UnorderedElementsAreArray(of_services)) << name;
  }
}

// The sandbox is the permission: no question of theirs by default, and all of them where the user wants them.
TEST(BuiltInAgents, AskOnlyWhereTheyAreTold) {
  for (const char* name : {"claude", "codex", "gemini", "opencode"}) {
    const Definition agent = built_in(name);
    EXPECT_FALSE(agent.autonomous.arguments.empty() && agent.autonomous.environment.empty()) << name;
    for (const std::string& word : agent.autonomous.arguments) {
      EXPECT_THAT(agent.command, testing::Not(Contains(word))) << name;
      EXPECT_THAT(agent.ask.arguments, testing::Not(Contains(word))) << name;
    }
  }
  EXPECT_THAT(built_in("claude").autonomous.arguments, Contains("--dangerously-skip-permissions"));
}

TEST(BuiltInAgents, TheShellNeedsNoImageOfItsOwn) {
  const Definition shell = built_in("shell");
  EXPECT_TRUE(shell.packages.empty());
  EXPECT_THAT(shell.files, IsEmpty());
  EXPECT_THAT(shell.hosts, IsEmpty());
  EXPECT_EQ(shell.image, "base");
}

TEST(BuiltInAgents, LeaveCredentialsOutOfWhatTheyImport) {
  EXPECT_THAT(built_in("claude").import_config.at(0).exclude, Contains(".credentials.json"));
  EXPECT_THAT(built_in("codex").import_config.at(0).exclude, Contains("auth.json"));
  EXPECT_THAT(built_in("gemini").import_config.at(0).exclude, Contains("oauth_creds.json"));
}

}  // namespace
}  // namespace caisson::agents
