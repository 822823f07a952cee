// SPDX-License-Identifier: Apache-2.0

#include "cli/workspace_options.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/path_walk.h"
#include "base/text.h"

namespace caisson::cli {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::in_quotes;

constexpr std::string_view kNone = "none";
// The system's own, besides those where nothing can be mounted anyway (spec::why_not_mounted_at).
constexpr std::string_view kSystems[] = {"/media",     "/mnt",     "/opt",       "/root",    "/srv",
                                         "/usr/local", "/usr/src", "/var/cache", "/var/log", "/var/spool"};

std::string without_links(const std::string& path, const std::string& as_typed) {
  std::error_code error;
  const fs::path found = fs::canonical(path, error);
  if (!error) return found.string();
  if (error.value() == ENOENT)
    throw Error("the workspace " + in_quotes(as_typed) + " does not exist", "create it, or share nothing: -w none",
                ENOENT);
  throw base::system_error("cannot share", as_typed, error.value());
}

void look_at(spec::Workspace& workspace, const std::string& as_typed) {
  struct stat info {};
  if (::stat(workspace.host.c_str(), &info) != 0) throw base::system_error("cannot share", as_typed);
  workspace.file = S_ISREG(info.st_mode);
  if (!workspace.file && !S_ISDIR(info.st_mode))
    throw Error("cannot share " + in_quotes(as_typed) + ": it is neither a folder nor a regular file");
  const int needed = workspace.file ? R_OK : R_OK | X_OK;
  if (::faccessat(AT_FDCWD, workspace.host.c_str(), needed, AT_EACCESS) != 0)
    throw base::system_error("cannot share", as_typed);
}

spec::Workspace make_one(const std::string& text, const Standing& standing) {
  const spec::WorkspaceWish wish = spec::parse_workspace(text);
  const bool absolute = wish.host.starts_with('/');
  if (!absolute && standing.folder.empty())
    throw Error("cannot share " + in_quotes(wish.host) + ": the current folder is gone", "give an absolute path");
  const std::string path = absolute ? wish.host : standing.folder + "/" + wish.host;
  spec::Workspace workspace;
  workspace.host = without_links(path, wish.host);
  look_at(workspace, wish.host);
  const std::optional<std::string> guest = spec::clean_path(wish.guest.empty() ? path : wish.guest);
  if (guest) workspace.guest = *guest;
  workspace.mode = wish.mode.value_or(workspace.file ? spec::WorkspaceMode::kReadOnly : spec::WorkspaceMode::kOverlay);
  return workspace;
}

// The current folder, unless that is more than anybody means by standing in it.
spec::Workspace current_folder(const Standing& standing) {
  if (standing.folder.empty()) throw Error("the current folder is gone", "cd into one, or share nothing: -w none");
  const std::string name = in_quotes(standing.folder);
  if (const std::string why = why_too_broad(standing.folder, standing.home); !why.empty()) {
    const bool elsewhere = !spec::why_not_mounted_at(standing.folder).empty();
    throw Error("the current folder " + name + " is not shared unasked: " + why,
                std::string("cd into a project; -w none shares nothing, -w ") +
                    (elsewhere ? ".:/PLACE shares it there" : ". shares it"));
  }
  spec::Workspace workspace;
  workspace.host = standing.folder;
  workspace.guest = standing.folder;
  look_at(workspace, standing.folder);
  return workspace;
}

}  // namespace

Standing own_standing() {
  Standing standing;
  std::error_code error;
  const fs::path folder = fs::current_path(error);
  // "(unreachable)/…" is what Linux says of a folder outside of this root (getcwd(3)).
  if (!error && folder.is_absolute()) standing.folder = folder.string();
  if (const char* home = std::getenv("HOME")) standing.home = home;
  return standing;
}

std::string why_too_broad(const std::string& folder, const std::string& home) {
  std::error_code error;
  const fs::path real = fs::canonical(home, error);
  const std::string own = error ? home : real.string();
  if (folder == "/") return "it is the whole machine";
  if (!own.empty() && folder == own) return "it is your home";
  if (!own.empty() && spec::is_within(own, folder)) return "your home is in it";
  const bool system = std::find(std::begin(kSystems), std::end(kSystems), folder) != std::end(kSystems);
  if (system || !spec::why_not_mounted_at(folder).empty()) return "it is the system's";
  return {};
}

std::vector<spec::Workspace> make_workspaces(const std::vector<std::string>& wishes, const Standing& standing) {
  std::vector<spec::Workspace> workspaces;
  if (wishes.empty()) {
    workspaces.push_back(current_folder(standing));
  } else if (std::find(wishes.begin(), wishes.end(), kNone) == wishes.end()) {
    for (const std::string& wish : wishes) workspaces.push_back(make_one(wish, standing));
  } else if (wishes.size() > 1) {
    throw Error("-w none stands beside other workspaces", "leave it out, or write ./none for a folder of that name");
  }
  uint32_t id = 0;
  for (spec::Workspace& workspace : workspaces) workspace.id = ++id;
  return workspaces;
}

void check_place_of_rules(std::string_view what, const std::string& path,
                          const std::vector<spec::Workspace>& workspaces, const Standing& standing) {
  for (const base::PathStep& step : base::walk_to(path.starts_with('/') ? path : standing.folder + "/" + path)) {
    for (const spec::Workspace& workspace : workspaces) {
      const bool inside =
          spec::is_within(step.place, workspace.host) && (workspace.file || step.place != workspace.host);
      if (workspace.mode != spec::WorkspaceMode::kReadWrite || !inside) continue;
      throw Error(std::string(what) + " " + in_quotes(path) + " is in the workspace " + in_quotes(workspace.host) +
                      ", which the sandbox may write (rw): it could open its own network",
                  "keep the file outside of it");
    }
  }
}

std::string begin_folder(const std::vector<spec::Workspace>& workspaces, const Standing& standing) {
  if (const auto place = spec::place_in_guest(workspaces, standing.folder)) return *place;
  for (const spec::Workspace& workspace : workspaces) {
    if (!workspace.file) return workspace.guest;
  }
  return {};
}

}  // namespace caisson::cli
