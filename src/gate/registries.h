// SPDX-License-Identifier: Apache-2.0

// @registries: where this machine's package managers get their packages, from the machine's and the user's own
// settings. No host is built in; so a company's mirror is used where there is one.
//
// Settings are text that anybody may have written: each file is read only where it is a regular file, to a bound, and
// what is wrong with it is a note and never an error. NO WORKSPACE IS READ: the sandbox may have changed what is in it,
// and could so open its own network in the next run. That goes for a settings file that lies in a workspace (which may
// be the user's home) or leads there by a link. A proxy is no registry. Of URLs only host and port are used.
//
// Only the settings are known, not what servers say: an index may name files on other hosts, and where a manager's
// registry is not set, its built-in one is known to the manager alone. Only npm can be asked, and is.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gate/group_rules.h"

namespace caisson::gate {

using Environment = std::map<std::string, std::string, std::less<>>;

struct RegistrySources {
  std::string root = "/";                    // the folder that has etc/ and usr/
  std::string home = {};                     // "": no user's settings
  std::vector<std::string> workspaces = {};  // folders and files. Nothing in them is read, nothing in them is executed
  std::string own_apt_list = {};  // the apt.list that base images are made with, if it exists; see image/apt_sources.h
  Environment environment = {};   // variables that say where registries are
  // npm's built-in registry, asked for where no setting names one. Nothing where npm can't say.
  std::function<std::optional<std::string>(const RegistrySources&)> ask_npm = {};
};

// This process's: HOME, environment, npm_says.
RegistrySources registry_sources_of_process(std::vector<std::string> workspaces);

GroupRules registry_rules(const RegistrySources& sources);

}  // namespace caisson::gate
