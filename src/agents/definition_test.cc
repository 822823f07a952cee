// SPDX-License-Identifier: Apache-2.0

#include "agents/definition.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace caisson::agents {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Four lines: what is given begins on line 5.
constexpr std::string_view kTop = "version = 1\nname = \"mine\"\ndescription = \"Mine\"\ncommand = [\"mine\"]\n";

Definition defined(std::string_view text) {
  return parse_definition(std::string(kTop) + std::string(text), "/p/mine.toml");
}

std::string refusal_of_whole(const std::string& whole) {
  try {
    parse_definition(whole, "/p/mine.toml");
  } catch (const base::Error& error) {
    return error.what();
  }
  return {};
}

std::string refusal_of_rest(std::string_view text) {
  return refusal_of_whole(std::string(kTop) + std::string(text));
}

std::string repeated(std::string_view text, size_t count) {
  std::string all;
  for (size_t i = 0; i < count; ++i) all += fmt::format(fmt::runtime(text), i);
  return all;
}

TEST(AgentDefinition, HasEveryKey) {
  const Definition found = defined(
      "image = \"team/node:20\"\narguments = [\"--hello\", \"\"]\n[packages]\napt = [\"jq\"]\nnpm = [\"@a/b@1.2.3\"]\n"
      "pip = [\"httpx==1\"]\n[autonomous]\narguments = [\"--yes\"]\nenvironment = { TRUST = \"1\" }\n[ask]\n"
      "arguments = [\"--careful\"]\n[ask.environment]\nTRUST = \"0\"\n[environment]\nUPDATES = \"off\"\n[[files]]\n"
      "path = \"~/.mine/settings\"\nmode = \"0600\"\ncontent = \"a = 1\\n\"\n[[files]]\npath = \"/etc/mine\"\ncontent "
      "= "
      "\"\"\n"
      "[[hosts]]\nrule = \"api.example.com:443\"\nreason = \"the model\"\n[[hosts]]\nrule = \"@registries\"\nreason = "
      "\"packages\"\n[[secrets]]\nname = \"anthropic\"\n[[secrets]]\nname = \"own\"\nvariable = \"OWN_KEY\"\n[import]\n"
      "git = false\n[[import.config]]\nfolder = \"~/.mine\"\nexclude = [\"credentials.json\"]\n");
  EXPECT_EQ(found.name, "mine");
  EXPECT_EQ(found.description, "Mine");
  EXPECT_EQ(found.image, "team/node:20");
  EXPECT_THAT(found.command, ElementsAre("mine"));
  EXPECT_THAT(found.arguments, ElementsAre("--hello", ""));
  EXPECT_THAT(found.packages.apt, ElementsAre("jq"));
  EXPECT_THAT(found.packages.npm, ElementsAre("@a/b@1.2.3"));
  EXPECT_THAT(found.packages.pip, ElementsAre("httpx==1"));
  EXPECT_THAT(found.autonomous.arguments, ElementsAre("--yes"));
  EXPECT_THAT(found.autonomous.environment, ElementsAre("TRUST=1"));
  EXPECT_THAT(found.ask.arguments, ElementsAre("--careful"));
  EXPECT_THAT(found.ask.environment, ElementsAre("TRUST=0"));
  EXPECT_THAT(found.environment, ElementsAre("UPDATES=off"));
  ASSERT_EQ(found.files.size(), 2U);
  EXPECT_EQ(found.files[0].path, "~/.mine/settings");
  EXPECT_EQ(found.files[0].mode, 0600U);
  EXPECT_EQ(found.files[0].content, "a = 1\n");
  EXPECT_EQ(found.files[1].mode, 0644U);
  ASSERT_EQ(found.hosts.size(), 2U);
  EXPECT_EQ(rule_text(found.hosts[0]), "api.example.com:443");
  EXPECT_EQ(found.hosts[0].reason, "the model");
  EXPECT_EQ(rule_text(found.hosts[1]), "@registries");
  ASSERT_EQ(found.secrets.size(), 2U);
  EXPECT_EQ(found.secrets[0].variable, "ANTHROPIC_API_KEY");
  EXPECT_EQ(found.secrets[1].variable, "OWN_KEY");
  EXPECT_FALSE(found.import_git);
  ASSERT_EQ(found.import_config.size(), 1U);
  EXPECT_EQ(found.import_config[0].folder, "~/.mine");
  EXPECT_THAT(found.import_config[0].exclude, ElementsAre("credentials.json"));
}

TEST(AgentDefinition, MayLeaveOutMostKeys) {
  const Definition found = defined("");
  EXPECT_EQ(found.image, "base");
  EXPECT_TRUE(found.packages.empty());
  EXPECT_TRUE(found.import_git);
  EXPECT_THAT(found.files, IsEmpty());
  EXPECT_THAT(refusal_of_whole("version = 1\n"), HasSubstr("the key 'name' is missing (write name = \"mine\")"));
  EXPECT_THAT(refusal_of_whole("version = 1\nname = \"a\"\n"), HasSubstr("'description' is missing"));
  EXPECT_THAT(refusal_of_whole("version = 1\nname = \"a\"\ndescription = \"b\"\n"), HasSubstr("'command' is missing"));
  EXPECT_THAT(refusal_of_whole("version = 1\nname = \"a\"\ndescription = \"b\"\ncommand = [\"\"]\n"),
              HasSubstr("'command' is missing"));
}

TEST(AgentDefinition, IsOfThisVersion) {
  EXPECT_EQ(refusal_of_whole("name = \"mine\"\n"),
            "cannot use the agent definition '/p/mine.toml': the key 'version' is missing (begin the file with version "
            "= 1)");
  EXPECT_THAT(refusal_of_whole("version = 2\nfuture = 1\n"),
              HasSubstr("line 1: this version of Caisson does not know"));
  EXPECT_THAT(refusal_of_whole("version = \"1\"\n"), HasSubstr("line 1: 'version' has a wrong type"));
}

TEST(AgentDefinition, UnknownKeysAreRefusedWithTheirLine) {
  for (const char* text : {"x = 1\n", "[x]\n", "[[x]]\n", "[packages]\nx = []\n", "[autonomous]\nx = 1\n",
                           "[ask]\nx = 1\n", "[[files]]\nx = 1\n", "[[hosts]]\nx = 1\n", "[[secrets]]\nx = 1\n",
                           "[import]\nx = 1\n", "[[import.config]]\nx = 1\n"}) {
    const std::string said = refusal_of_rest(text);
    const int line = std::string_view(text).find("]\nx") == std::string_view::npos ? 5 : 6;
    EXPECT_THAT(said, AllOf(HasSubstr(fmt::format("'/p/mine.toml': line {}: the key 'x' is not known", line)),
                            HasSubstr("(the keys ")))
        << text;
  }
  EXPECT_THAT(refusal_of_rest("\"\\u001b[31m\" = 1\n"), HasSubstr("the key '\\x1b[31m' is not known"));
}

TEST(AgentDefinition, WrongTypesAreRefusedWithTheirLine) {
  for (const char* text : {"image = 1\n",
                           "arguments = \"x\"\n",
                           "arguments = [1]\n",
                           "packages = 1\n",
                           "environment = []\n",
                           "autonomous = []\n",
                           "ask = 1\n",
                           "files = {}\n",
                           "files = [1]\n",
                           "hosts = \"x\"\n",
                           "secrets = [\"x\"]\n",
                           "import = true\n",
                           "packages = { apt = \"jq\" }\n",
                           "packages = { npm = [1] }\n",
                           "environment = { A = 1 }\n",
                           "import = { git = \"yes\" }\n",
                           "import = { config = {} }\n",
                           "hosts = [{ rule = 1, reason = \"x\" }]\n",
                           "files = [{ path = \"~/x\", content = 1 }]\n",
                           "files = [{ path = \"~/x\", content = \"\", mode = 644 }]\n",
                           "secrets = [{ name = [] }]\n",
                           "ask = { environment = 1 }\n",
                           "ask = { arguments = 1 }\n"}) {
    EXPECT_THAT(refusal_of_rest(text), HasSubstr("'/p/mine.toml': line 5: ")) << text;
  }
  EXPECT_THAT(refusal_of_whole("version = 1\nname = 1\n"), HasSubstr("line 2: 'name' has a wrong type"));
  EXPECT_THAT(refusal_of_rest("x = [\n"), HasSubstr("line "));
}

TEST(AgentDefinition, TablesOfAListAreWhole) {
  EXPECT_THAT(refusal_of_rest("[[hosts]]\nreason = \"x\"\n"), HasSubstr("line 5: [[hosts]] has no 'rule'"));
  EXPECT_THAT(refusal_of_rest("[[hosts]]\nrule = \"a.example\"\n"), HasSubstr("line 5: [[hosts]] has no 'reason'"));
  EXPECT_THAT(refusal_of_rest("[[files]]\ncontent = \"\"\n"), HasSubstr("has no 'path'"));
  EXPECT_THAT(refusal_of_rest("[[files]]\npath = \"~/x\"\n"), HasSubstr("has no 'content'"));
  EXPECT_THAT(refusal_of_rest("[[secrets]]\nvariable = \"X\"\n"), HasSubstr("has no 'name'"));
  EXPECT_THAT(refusal_of_rest("[[secrets]]\nname = \"own\"\n"), HasSubstr("has no 'variable'"));
  EXPECT_THAT(refusal_of_rest("[[import.config]]\nexclude = []\n"), HasSubstr("has no 'folder'"));
  EXPECT_THAT(refusal_of_rest("[[import.config]]\nfolder = \"~/.x\"\n"), HasSubstr("has no 'exclude'"));
}

TEST(AgentDefinition, FilesAreInTheHomeOrInEtc) {
  for (const char* path : {"", "x", "~", "~/", "/etc", "/etc/", "/usr/bin/x", "~/../x", "/etc/../x", "/etc/a/../x",
                           "~/./x", "~//x", "~/x/", "~root/x", "/etc/a\\u0001", "/etc/a\\u0000"}) {
    EXPECT_NE(refusal_of_rest(fmt::format("files = [{{ path = \"{}\", content = \"\" }}]\n", path)), "") << path;
  }
  for (const char* mode : {"", "64", "4755", "1777", "0888", "06444", "rw", "-644"}) {
    EXPECT_THAT(refusal_of_rest(fmt::format("files = [{{ path = \"~/x\", content = \"\", mode = \"{}\" }}]\n", mode)),
                HasSubstr("line 5: mode is "))
        << mode;
  }
  EXPECT_EQ(defined("files = [{ path = \"/etc/x\", content = \"\", mode = \"755\" }]\n").files[0].mode, 0755U);
  EXPECT_THAT(refusal_of_rest("[[files]]\npath = \"~/x\"\ncontent = \"\"\n[[files]]\npath = \"~/x\"\ncontent = \"\"\n"),
              HasSubstr("the file '~/x' is there twice"));
}

TEST(AgentDefinition, HostsAreRulesOfTheGate) {
  EXPECT_THAT(refusal_of_rest("[[hosts]]\nrule = \"a b c\"\nreason = \"x\"\n"),
              HasSubstr("line 6: cannot read the rule"));
  EXPECT_THAT(refusal_of_rest("[[hosts]]\nrule = \"@other\"\nreason = \"x\"\n"), HasSubstr("there is no such group"));
  EXPECT_THAT(refusal_of_rest("[[hosts]]\nrule = \"localhost:80\"\nreason = \"x\"\n"), HasSubstr("needs no rule"));
  EXPECT_THAT(refusal_of_rest("[[hosts]]\nrule = \"a.example\"\nreason = \"a\\nb\"\n"), HasSubstr("line 7: 'reason'"));
}

TEST(AgentDefinition, SecretsAreServicesOrTheUsersOwn) {
  EXPECT_THAT(refusal_of_rest("[[secrets]]\nname = \"aws\"\nvariable = \"A\"\n"), HasSubstr("line 6: a secret 'aws'"));
  EXPECT_THAT(refusal_of_rest("[[secrets]]\nname = \"Not a name\"\nvariable = \"A\"\n"), HasSubstr("line 6: "));
  EXPECT_THAT(refusal_of_rest("[[secrets]]\nname = \"own\"\nvariable = \"1A\"\n"), HasSubstr("not a variable's name"));
  const char* both = "[[secrets]]\nname = \"own\"\nvariable = \"A\"\n[{}]\nA = \"x\"\n";
  for (const char* table : {"environment", "ask.environment", "autonomous.environment"}) {
    EXPECT_THAT(refusal_of_rest(fmt::format(fmt::runtime(both), table)),
                HasSubstr("the variable 'A' of the secret 'own' has another value, too"));
  }
  EXPECT_THAT(refusal_of_rest("secrets = [{ name = \"a\", variable = \"A\" }, { name = \"b\", variable = \"A\" }]\n"),
              HasSubstr("has another value, too"));
}

TEST(AgentDefinition, ImportsFoldersOfOneAgentAlone) {
  for (const char* folder : {"", "~", "~/", "/root/.x", "~/../x", "~/.config", "~/.local/share", "~/.ssh", "~/.aws/sso",
                             "~/.config/gcloud"}) {
    EXPECT_NE(refusal_of_rest(fmt::format("[[import.config]]\nfolder = \"{}\"\nexclude = []\n", folder)), "") << folder;
  }
  EXPECT_EQ(refusal_of_rest("[[import.config]]\nfolder = \"~/.config/mine\"\nexclude = []\n"), "");
  for (const char* pattern : {"", "..", "../x", "./x", "a/../x"}) {
    EXPECT_THAT(refusal_of_rest(fmt::format("[[import.config]]\nfolder = \"~/.mine\"\nexclude = [\"{}\"]\n", pattern)),
                HasSubstr("line 7: "))
        << pattern;
  }
}

TEST(AgentDefinition, NamesArePlain) {
  for (const char* name :
       {"", "Mine", "1x", "-x", "a b", "a/b", "..", "a.toml", "a_b", "abcdefghijklmnopqrstuvwxyzabcdefg"})
    EXPECT_THROW(check_agent_name(name), base::Error) << name;
  EXPECT_NO_THROW(check_agent_name("my-agent-2"));
  EXPECT_THAT(refusal_of_whole("version = 1\nname = \"A\"\n"), HasSubstr("line 2: not an agent's name: 'A'"));
  EXPECT_THAT(refusal_of_whole("version = 1\ndescription = \"a\\u001b[0m\"\n"), HasSubstr("line 2: 'description'"));
  EXPECT_THAT(refusal_of_rest("image = \"../x\"\n"), HasSubstr("line 5: "));
}

TEST(AgentDefinition, IsBounded) {
  EXPECT_THAT(refusal_of_whole("#" + std::string(kMaxDefinitionBytes, 'x')),
              HasSubstr("it is larger than 262144 bytes"));
  EXPECT_THAT(refusal_of_rest("arguments = [" + repeated("\"{}\",", kMostWords + 1) + "]\n"),
              HasSubstr("more than 64"));
  EXPECT_THAT(refusal_of_rest("arguments = [\"" + std::string(kMaxWordBytes + 1, 'x') + "\"]\n"), HasSubstr("4096"));
  EXPECT_THAT(refusal_of_rest("arguments = [\"\\u0000\"]\n"), HasSubstr("NUL"));
  EXPECT_THAT(refusal_of_rest("packages = { apt = [" + repeated("\"a{}\",", kMostPackages + 1) + "] }\n"),
              HasSubstr("more than 64 packages"));
  EXPECT_THAT(refusal_of_rest("[environment]\n" + repeated("A{} = \"\"\n", kMostAgentVariables + 1)),
              HasSubstr("more than 128 variables"));
  EXPECT_THAT(refusal_of_rest(repeated("[[files]]\npath = \"~/{}\"\ncontent = \"\"\n", kMostAgentFiles + 1)),
              HasSubstr("'files' has more than 32 tables"));
  EXPECT_THAT(refusal_of_rest(repeated("[[hosts]]\nrule = \"a{}.example\"\nreason = \"x\"\n", kMostHosts + 1)),
              HasSubstr("'hosts' has more than 64 tables"));
  EXPECT_THAT(refusal_of_rest(repeated("[[secrets]]\nname = \"a\"\nvariable = \"A{}\"\n", kMostSecrets + 1)),
              HasSubstr("'secrets' has more than 16 tables"));
  EXPECT_THAT(
      refusal_of_rest(repeated("[[import.config]]\nfolder = \"~/.a{}\"\nexclude = []\n", kMostConfigFolders + 1)),
      HasSubstr("'config' has more than 8 tables"));
  EXPECT_THAT(
      refusal_of_rest("[[files]]\npath = \"~/x\"\ncontent = \"" + std::string(kMaxFileContentBytes + 1, 'x') + "\"\n"),
      HasSubstr("line 7: the content has 65537 bytes"));
  EXPECT_THAT(refusal_of_whole("version = 1\ndescription = \"" + std::string(kMaxLineBytes + 1, 'x') + "\"\n"),
              HasSubstr("line 2: 'description' is not a line of 1 to 200 bytes"));
}

}  // namespace
}  // namespace caisson::agents
