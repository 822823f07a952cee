// SPDX-License-Identifier: Apache-2.0

#include "agents/find.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/install.h"
#include "base/own_file.h"
#include "base/paths.h"
#include "base/text.h"

namespace caisson::agents {
namespace {

using base::Error;
using base::in_quotes;

constexpr std::string_view kEnding = ".toml";
constexpr size_t kMostListed = 256;

std::string own_folder() {
  return base::config_folder() + "/agents";
}

std::string built_in_folder() {
  return base::shared_file("agents");
}

// Nothing where there is no such file.
std::optional<std::string> own_text(const std::string& path) {
  try {
    const base::Fd file = base::open_own_file(path, 022);
    if (!file) return std::nullopt;
    return base::read_all(file.get(), kMaxDefinitionBytes, path);
  } catch (const Error& error) {
    throw error.within("cannot use the agent definition " + in_quotes(path));
  }
}

// Of a folder, where the file's name is the agent's.
std::optional<Agent> agent_in(Origin origin, const std::string& folder, const std::string& name) {
  Agent agent{.definition = {}, .origin = origin, .path = folder + "/" + name + std::string(kEnding)};
  // Nobody but who installs Caisson writes there.
  const std::optional<std::string> text =
      origin == Origin::kOwn ? own_text(agent.path) : base::read_file_if_exists(agent.path, kMaxDefinitionBytes);
  if (!text) return std::nullopt;
  agent.definition = parse_definition(*text, agent.path);
  if (agent.definition.name != name)
    throw Error("cannot use the agent definition " + in_quotes(agent.path) + ": its name is " +
                    in_quotes(agent.definition.name),
                "call the file " + agent.definition.name + std::string(kEnding));
  return agent;
}

// The names of a folder's definitions; none where it does not exist.
std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
    const std::string file = entry.path().filename().string();
    if (!file.ends_with(kEnding)) continue;
    names.push_back(file.substr(0, file.size() - kEnding.size()));
    if (names.size() == kMostListed) break;
  }
  std::sort(names.begin(), names.end());
  return names;
}

void list_folder(Origin origin, const std::string& folder, std::map<std::string, ListedAgent>& all) {
  for (const std::string& name : names_in(folder)) {
    ListedAgent listed{.name = name, .origin = origin, .path = folder + "/" + name + std::string(kEnding)};
    try {
      check_agent_name(name);
      const std::optional<Agent> agent = agent_in(origin, folder, name);
      if (!agent) continue;  // it has gone
      listed.definition = agent->definition;
    } catch (const Error& error) {
      listed.problem = error.what();
    }
    all.try_emplace(name, std::move(listed));
  }
}

Error no_agent(const std::string& name) {
  std::vector<std::string> names;
  for (const ListedAgent& one : list_agents()) names.push_back(base::escaped(one.name));
  return Error("there is no agent " + in_quotes(name.substr(0, 80)),
               "the agents are " + base::join(names, ", ") + "; the path of a file has a '/' in it");
}

}  // namespace

std::string_view to_string(Origin origin) {
  switch (origin) {
    case Origin::kBuiltIn:
      return "built in";
    case Origin::kOwn:
      return "own";
    case Origin::kPath:
      return "file";
  }
  return "";
}

Agent read_agent(const std::string& path) {
  const std::optional<std::string> text = own_text(path);
  if (!text) throw Error("cannot use the agent definition " + in_quotes(path) + ": there is no such file");
  return {.definition = parse_definition(*text, path), .origin = Origin::kPath, .path = path};
}

bool is_path(std::string_view name_or_path) {
  return name_or_path.find('/') != std::string_view::npos || name_or_path.ends_with(kEnding);
}

std::optional<Agent> find_if_known(const std::string& name_or_path) {
  if (is_path(name_or_path)) return read_agent(name_or_path);
  if (!is_agent_name(name_or_path)) return std::nullopt;
  if (auto own = agent_in(Origin::kOwn, own_folder(), name_or_path)) return own;
  return agent_in(Origin::kBuiltIn, built_in_folder(), name_or_path);
}

Agent find_agent(const std::string& name_or_path) {
  if (auto agent = find_if_known(name_or_path)) return std::move(*agent);
  throw no_agent(name_or_path);
}

std::vector<ListedAgent> list_agents() {
  std::map<std::string, ListedAgent> all;
  list_folder(Origin::kOwn, own_folder(), all);
  list_folder(Origin::kBuiltIn, built_in_folder(), all);
  std::vector<ListedAgent> list;
  for (auto& [name, one] : all) list.push_back(std::move(one));
  return list;
}

}  // namespace caisson::agents
