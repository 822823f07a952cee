// SPDX-License-Identifier: Apache-2.0

#include "gate/registry_search.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

namespace caisson::gate {
namespace {

namespace fs = std::filesystem;

std::string without_slashes_at_end(std::string path) {
  while (path.ends_with('/')) path.pop_back();
  return path;
}

bool is_below(const std::string& path, const std::string& folder) {
  return path == folder || folder == "/" || path.starts_with(folder + "/");
}

// Where the kernel says that an open file is: what was opened is judged, not what its path leads to a moment later.
std::string place_of(const base::Fd& file) {
  std::error_code error;
  const fs::path place = fs::read_symlink(fmt::format("/proc/self/fd/{}", file.get()), error);
  if (error) throw base::system_error("cannot find the place of", "an open file", error.value());
  return place.string();
}

}  // namespace

RegistrySearch::RegistrySearch(const RegistrySources& sources)
    : sources_(sources), root_(without_slashes_at_end(sources.root)) {
  for (const std::string& workspace : sources.workspaces) {
    std::error_code error;
    const std::string place = fs::weakly_canonical(fs::absolute(workspace), error).string();
    if (error) throw base::system_error("cannot find the workspace", workspace, error.value());
    workspaces_.push_back(place == "/" ? place : without_slashes_at_end(place));
  }
}

bool RegistrySearch::is_below_workspace(const std::string& place) const {
  return std::any_of(workspaces_.begin(), workspaces_.end(),
                     [&](const std::string& workspace) { return is_below(place, workspace); });
}

std::string RegistrySearch::of_user(std::string_view path) const {
  if (!sources_.home.starts_with('/')) return {};
  return without_slashes_at_end(sources_.home) + "/" + std::string(path);
}

std::string RegistrySearch::of_user_config(std::string_view path) const {
  const std::string folder = path_variable("XDG_CONFIG_HOME", of_user(".config"));
  return folder.empty() ? folder : without_slashes_at_end(folder) + "/" + std::string(path);
}

std::string RegistrySearch::variable(std::string_view name) const {
  const auto found = sources_.environment.find(name);
  return found == sources_.environment.end() ? std::string() : found->second;
}

std::string RegistrySearch::path_variable(std::string_view name, std::string otherwise) const {
  std::string path = variable(name);
  return path.starts_with('/') ? path : otherwise;
}

bool RegistrySearch::in_workspace(const std::string& path) const {
  std::error_code error;
  const std::string place = fs::weakly_canonical(path, error).string();
  return error ? !workspaces_.empty() : is_below_workspace(place);
}

std::optional<std::string> RegistrySearch::read(const std::string& path) {
  if (path.empty()) return std::nullopt;
  try {
    // Without O_NONBLOCK the opening of a named pipe waits for somebody who writes.
    const base::Fd file = base::open_if_exists(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!file) return std::nullopt;
    if (!workspaces_.empty() && is_below_workspace(place_of(file))) {
      note(fmt::format("{} is in the workspace, whose settings are not read", base::in_quotes(path)));
      return std::nullopt;
    }
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) throw base::system_error("cannot read", path);
    if (S_ISCHR(info.st_mode)) return std::nullopt;  // /dev/null is how "no such file" is said in a variable
    if (!S_ISREG(info.st_mode)) throw base::Error("cannot read " + base::in_quotes(path) + ": it is not a file");
    return base::read_all(file.get(), kMaxSettingsBytes, path);
  } catch (const base::Error& error) {
    note(error.what());
    return std::nullopt;
  }
}

std::vector<std::string> RegistrySearch::files_of(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (paths.size() == kMaxSettingsFiles) {
      note(fmt::format("{} has more than {} files, the others are not read", base::in_quotes(folder),
                       kMaxSettingsFiles));
      break;
    }
    paths.push_back(at->path().string());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    note(base::system_error("cannot read", folder, error.value()).what());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

void RegistrySearch::note_workspace_settings() {
  for (const std::string& workspace : workspaces_) {
    for (const char* name : {".npmrc", ".cargo/config.toml", ".cargo/config"}) {
      std::error_code error;
      if (fs::symlink_status(workspace + "/" + name, error).type() == fs::file_type::not_found || error) continue;
      note(fmt::format("the workspace's own '{}' is not read: whoever can write it could open the network", name));
    }
  }
}

GroupRules RegistrySearch::take() {
  if (!with_index_.empty())
    note(fmt::format("what the index of {} names on other hosts is allowed by --allow", base::join(with_index_, ", ")));
  if (!unset_.empty())
    note(fmt::format("no registry is configured for {}; the built-in one of any of them is allowed by --allow HOST:443",
                     base::join(unset_, ", ")));
  return found_.take();
}

}  // namespace caisson::gate
