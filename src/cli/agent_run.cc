// SPDX-License-Identifier: Apache-2.0

#include "cli/agent_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/process.h"
#include "base/text.h"

namespace caisson::cli {
namespace {

constexpr size_t kMaxIdentityBytes = 256;

void check_can_be_run(const agents::Definition& agent) {
  std::string why;
  if (!agent.packages.empty() || !agent.files.empty()) why = "it needs an image of its own";
  if (!agent.secrets.empty()) why += std::string(why.empty() ? "it needs" : " and") + " secrets";
  if (!why.empty())
    throw base::Error(
        fmt::format("the agent '{}' cannot be run yet: {}", agent.name, why),
        fmt::format("agent images come with a later version; what it is: caisson agent show {}", agent.name));
}

const agents::Manner& manner_of(const agents::Definition& agent, bool ask) {
  return ask ? agent.ask : agent.autonomous;
}

std::string git_setting(const std::string& git, const char* scope, const char* key) {
  const base::ProgramResult result =
      base::run_program({.argv = {git, "config", scope, "--includes", "--get", key}, .folder = "/"}, 64U << 10);
  const std::string_view value = base::trimmed(result.out);
  const bool plain = std::none_of(value.begin(), value.end(),
                                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  return result.status.ok() && plain && value.size() <= kMaxIdentityBytes ? std::string(value) : "";
}

}  // namespace

std::optional<agents::Agent> agent_of(const Tail& tail) {
  if (tail.separated || tail.words.empty()) return std::nullopt;
  std::optional<agents::Agent> agent;
  try {
    agent = agents::find_if_known(tail.words[0]);
  } catch (const base::Error& error) {
    if (!agents::is_path(tail.words[0])) throw;
    throw base::Error(error.problem(), (error.hint().empty() ? "" : error.hint() + "; ") +
                                           "to run it as a command put -- before it: caisson run -- " +
                                           base::escaped(tail.words[0]) + " …");
  }
  if (agent) check_can_be_run(agent->definition);
  return agent;
}

std::vector<std::string> agent_command(const agents::Definition& agent, bool ask, const Tail& tail) {
  std::vector<std::string> words = agent.command;
  const auto append = [&words](auto begin, auto end) { words.insert(words.end(), begin, end); };
  const agents::Manner& manner = manner_of(agent, ask);
  append(manner.arguments.begin(), manner.arguments.end());
  auto given = tail.words.begin() + 1;
  if (given != tail.words.end() && *given == "--") ++given;
  if (given == tail.words.end()) {
    append(agent.arguments.begin(), agent.arguments.end());
  } else {
    append(given, tail.words.end());
  }
  return words;
}

std::vector<std::string> agent_environment(const agents::Definition& agent, bool ask) {
  std::vector<std::string> environment = agent.environment;
  for (const std::string& entry : manner_of(agent, ask).environment) {
    const std::string before = entry.substr(0, entry.find('=') + 1);
    std::erase_if(environment, [&](const std::string& other) { return other.starts_with(before); });
    environment.push_back(entry);
  }
  return environment;
}

gate::PolicyFile agent_network(const agents::Definition& agent) {
  gate::PolicyFile network{.path = "agent " + agent.name};
  for (const agents::Host& host : agent.hosts) network.allow.push_back(host.rule);
  return network;
}

GitIdentity own_git_identity() {
  const std::string git = base::find_program("git");
  if (git.empty()) return {};
  const auto setting = [&git](const char* key) {
    const std::string own = git_setting(git, "--global", key);
    return own.empty() ? git_setting(git, "--system", key) : own;
  };
  return {.name = setting("user.name"), .email = setting("user.email")};
}

}  // namespace caisson::cli
