// SPDX-License-Identifier: Apache-2.0

// The folder's own configuration (config/folder_config.h) for a run: found in its first workspace, shown, asked about
// where it widens anything and was not accepted as it is, and put beneath what the options say.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config_file.h"
#include "config/effects.h"
#include "spec/sandbox_spec.h"

namespace caisson::cli {

struct Configuration {
  config::FolderConfig wishes;
  spec::ConfigSource source;
  std::string folder;  // its folder, in the sandbox
};

// That of the first workspace that is a folder, from its top and nowhere else; nothing where there is none. By the time
// it returns, all that widens was accepted: before, or now on the terminal. Throws base::Error where it was not, with
// the command that accepts it, and for a file that cannot be used.
std::optional<Configuration> accepted_configuration(const std::vector<spec::Workspace>& workspaces);

// What the configuration says, into a spec that has nothing but defaults.
void set_wishes(spec::SandboxSpec& spec, const Configuration& configuration);
// Beside the options' ports: one of them takes the place of a wish for the same port, here or there.
void add_wished_ports(std::vector<spec::PortPublish>& ports, const Configuration& configuration);
// Where its command begins; "" where it says nothing.
std::string wished_folder(const Configuration& configuration);

// What widens, or what does not: for people, each a line.
std::vector<std::string> effect_lines(const std::vector<config::Effect>& effects, bool widening);

// A path as a shell takes it, to be copied from a message.
std::string shell_word(const std::string& path);

}  // namespace caisson::cli
