// SPDX-License-Identifier: Apache-2.0

// What the readers of the package managers' settings share (registries.h): the files, the variables, the result; and
// the readers themselves, each in a file of its own.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gate/group_rules.h"
#include "gate/registries.h"

namespace caisson::gate {

inline constexpr size_t kMaxSettingsBytes = 1U << 20;
inline constexpr size_t kMaxSettingsFiles = 256;  // of one folder

class RegistrySearch {
 public:
  explicit RegistrySearch(const RegistrySources& sources);

  const RegistrySources& sources() const { return sources_; }

  // "/etc/x" below the root; "x" below the user's home, "" where there is none.
  std::string of_system(std::string_view path) const { return root_ + std::string(path); }
  std::string of_user(std::string_view path) const;
  // $XDG_CONFIG_HOME/x or ~/.config/x.
  std::string of_user_config(std::string_view path) const;
  // "" where it is not set.
  std::string variable(std::string_view name) const;
  // The path in a variable, or `otherwise` where it is not set or not absolute.
  std::string path_variable(std::string_view name, std::string otherwise) const;

  // The file's content. Nothing where there is none (or no path), and, with a note, where it may not or can't be read.
  std::optional<std::string> read(const std::string& path);
  // The paths of a folder's files in the order of their names.
  std::vector<std::string> files_of(const std::string& folder);
  // Is this place, with its links followed, in a workspace?
  bool in_workspace(const std::string& path) const;

  // `where` as in GroupCollector: the file's path in quotes, or the variable's name.
  void add_url(std::string_view url, std::string_view where) { found_.add_url(url, where); }
  void note(std::string_view text) { found_.note(text); }
  void note_workspace_settings();
  // A manager whose settings name no registry, or one whose index may name files on other hosts: one note for all.
  void note_unset(std::string_view manager) { unset_.emplace_back(manager); }
  void note_index(std::string_view manager) { with_index_.emplace_back(manager); }

  GroupRules take();

 private:
  bool is_below_workspace(const std::string& place) const;

  const RegistrySources& sources_;
  std::string root_;                     // without a slash at its end
  std::vector<std::string> workspaces_;  // links followed
  std::vector<std::string> unset_;
  std::vector<std::string> with_index_;
  GroupCollector found_{"registries", WrittenBy::kUser};
};

// Each adds the places of one manager, or a note that it has none configured.
void find_apt(RegistrySearch& search);
void find_npm(RegistrySearch& search);
void find_pip(RegistrySearch& search);
void find_cargo(RegistrySearch& search);
void find_go(RegistrySearch& search);
void find_docker(RegistrySearch& search);
void find_maven(RegistrySearch& search);

}  // namespace caisson::gate
