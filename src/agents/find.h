// SPDX-License-Identifier: Apache-2.0

// Where agents' definitions are: files NAME.toml of the user's (config_folder()/agents), which come first, and those
// that Caisson is installed with (share/caisson/agents); or any file, by its path.
//
// Blocking file work. All functions throw base::Error.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agents/definition.h"

namespace caisson::agents {

enum class Origin {
  kBuiltIn,
  kOwn,   // in the user's folder
  kPath,  // named by its path
};
// "built in", "own", "file"
std::string_view to_string(Origin origin);

struct Agent {
  Definition definition;
  Origin origin = Origin::kPath;
  std::string path;
};

// Whether it is a path, and no name.
bool is_path(std::string_view name_or_path);

// What has a '/' in it or ends with ".toml" is a path, everything else a name. A file of the user's, and one by its
// path, must be this user's and nobody else's to write, and no link.
Agent find_agent(const std::string& name_or_path);
// The same, but nothing where there is no agent of that name.
std::optional<Agent> find_if_known(const std::string& name_or_path);
Agent read_agent(const std::string& path);

struct ListedAgent {
  std::string name;  // of the file
  Origin origin = Origin::kOwn;
  std::string path;
  std::optional<Definition> definition = {};
  std::string problem = {};  // why there is none
};
// By name; of two with one name the one that counts.
std::vector<ListedAgent> list_agents();

}  // namespace caisson::agents
