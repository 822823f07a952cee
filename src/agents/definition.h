// SPDX-License-Identifier: Apache-2.0

// What an agent is: the packages and files that its image has over the base image, its command, and what it needs of
// the network, of the user's secrets and settings. A file of TOML; docs/agents.md describes it for those who write one.
//
//   version = 1
//   name = "mine"
//   description = "An agent of my own"
//   image = "base"                     # of this machine's images; the default
//   command = ["my-agent", "--fast"]   # the program and what it is always given
//   arguments = ["--hello"]            # given where the user gives none
//
//   [packages]                         # a version may be pinned, as each of them writes it
//   apt = ["jq"]
//   npm = ["@example/my-agent@1.2.3"]
//   pip = ["httpx==0.28.1"]
//
//   [autonomous]                       # the default: its own questions are off, for the sandbox is the permission
//   arguments = ["--yes"]
//   environment = { TRUST = "1" }
//
//   [ask]                              # instead of that where the user wants its questions
//   arguments = ["--careful"]
//
//   [environment]
//   UPDATES = "off"
//
//   [[files]]
//   path = "~/.my-agent/settings"      # in its home or in /etc
//   mode = "0600"                      # "0644" where it is left out
//   content = "a = 1\n"
//
//   [[hosts]]
//   rule = "api.example.com:443"       # or a group (@registries, @git)
//   reason = "the model"
//
//   [[secrets]]
//   name = "anthropic"                 # a known service's, or one of the user's own
//   variable = "ANTHROPIC_API_KEY"     # a known service's usual one where it is left out
//
//   [import]
//   git = true                         # user.name and user.email of the user's git; the default
//
//   [[import.config]]                  # on request only
//   folder = "~/.my-agent"
//   exclude = ["credentials.json"]     # never in the sandbox
//
// Each key but version, name, description and command may be left out. A key that is not known is an error.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json_reader.h"
#include "gate/rule.h"

namespace caisson::agents {

inline constexpr size_t kMaxDefinitionBytes = 256U << 10;
inline constexpr size_t kMaxAgentNameBytes = 32;
inline constexpr size_t kMaxLineBytes = 200;   // a description, a reason
inline constexpr size_t kMaxWordBytes = 4096;  // of a command
inline constexpr size_t kMostWords = 64;       // of a command, and of each list of arguments
inline constexpr size_t kMostPackages = 64;    // of each kind
inline constexpr size_t kMostAgentFiles = 32;
inline constexpr size_t kMaxFileContentBytes = 64U << 10;
inline constexpr size_t kMaxFilePathBytes = 512;
inline constexpr size_t kMostHosts = 64;
inline constexpr size_t kMostSecrets = 16;
inline constexpr size_t kMostConfigFolders = 8;
inline constexpr size_t kMostExcluded = 64;  // of each folder
inline constexpr size_t kMostAgentVariables = 128;

// Each as it is written: a name, with or without a version.
struct Packages {
  std::vector<std::string> apt = {};
  std::vector<std::string> npm = {};
  std::vector<std::string> pip = {};

  bool empty() const { return apt.empty() && npm.empty() && pip.empty(); }
};

struct File {
  std::string path;  // "~/a/b" or "/etc/a/b", clean
  unsigned mode = 0644;
  std::string content = {};
};

struct Host {
  std::variant<gate::Rule, gate::GroupName> rule;
  std::string reason;
};

struct SecretUse {
  std::string name;
  std::string variable;
};

// What a way of working adds to the command and the environment.
struct Manner {
  std::vector<std::string> arguments = {};
  std::vector<std::string> environment = {};  // "K=V"; one of the agent's own environment is replaced
};

struct ConfigFolder {
  std::string folder;                     // "~/.my-agent", clean
  std::vector<std::string> exclude = {};  // as masks of a workspace (spec/workspace.h)
};

struct Definition {
  std::string name;
  std::string description;
  std::string image = "base";
  Packages packages = {};
  std::vector<std::string> command = {};
  std::vector<std::string> arguments = {};
  Manner autonomous = {};
  Manner ask = {};
  std::vector<std::string> environment = {};  // "K=V"
  std::vector<File> files = {};
  std::vector<Host> hosts = {};
  std::vector<SecretUse> secrets = {};
  bool import_git = true;
  std::vector<ConfigFolder> import_config = {};
};

// Lower-case letters, digits and '-', a letter first.
bool is_agent_name(std::string_view name);
// Throws base::Error where it is none.
void check_agent_name(std::string_view name);

// Throws a base::Error that names the file, the line, what is wrong and the remedy. `path` is for the messages.
Definition parse_definition(std::string_view text, const std::string& path);

// With the names of the file's keys.
base::Json to_json(const Definition& definition);

// As the file has it: "api.example.com:443", "@registries".
std::string rule_text(const Host& host);

}  // namespace caisson::agents
