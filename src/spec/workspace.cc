// SPDX-License-Identifier: Apache-2.0

#include "spec/workspace.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/text.h"

namespace caisson::spec {
namespace {

using base::Error;
using base::in_quotes;

constexpr size_t kMaxPathBytes = 4095;  // PATH_MAX with its NUL
constexpr size_t kMaxPartBytes = 255;   // NAME_MAX

struct ModeName {
  WorkspaceMode mode;
  std::string_view name;
};
constexpr std::array<ModeName, 4> kModes{{{WorkspaceMode::kOverlay, "overlay"},
                                          {WorkspaceMode::kReadOnly, "ro"},
                                          {WorkspaceMode::kReadWrite, "rw"},
                                          {WorkspaceMode::kClone, "clone"}}};

// Where something mounted would hide what the sandbox itself needs. What is below them may be hidden.
constexpr std::string_view kNeeded[] = {
    "/",           "/bin",      "/boot",      "/etc", "/home",    "/lib",     "/lib32",     "/lib64",
    "/libx32",     "/sbin",     "/tmp",       "/usr", "/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64",
    "/usr/libx32", "/usr/sbin", "/usr/share", "/var", "/var/lib", "/var/run", "/var/tmp"};
// Where nothing may be mounted, below them neither: views of the kernel, and the Docker Engine's own files.
constexpr std::string_view kReserved[] = {"/dev", "/proc", "/run", "/sys", "/var/lib/docker"};

Error bad_wish(std::string_view text, std::string_view why) {
  return Error(fmt::format("cannot share {}: {}", in_quotes(text.substr(0, 200)), why),
               "write HOST[:GUEST][:MODE]; the modes are overlay, ro, rw and clone");
}

void check_path(const Workspace& workspace, const std::string& path, std::string_view whose) {
  const std::string name = in_quotes(path.substr(0, 200));
  if (path.size() > kMaxPathBytes)
    throw Error(fmt::format("the workspace's path {} has {} bytes", whose, path.size()),
                fmt::format("a path has at most {}", kMaxPathBytes));
  if (clean_path(path) != path) throw Error(fmt::format("the workspace's path {} is not a plain one: {}", whose, name));
  for (const std::string& part : base::split(path, '/')) {
    if (part.size() > kMaxPartBytes)
      throw Error(fmt::format("the workspace's path {} has a name of {} bytes", whose, part.size()),
                  fmt::format("a name has at most {}", kMaxPartBytes));
  }
  if (workspace.id == 0 || workspace.id > kMostWorkspaces)
    throw Error(fmt::format("the workspace {} has the number {}", name, workspace.id),
                fmt::format("it can be 1 to {}", kMostWorkspaces));
}

void check_one(const Workspace& workspace) {
  check_path(workspace, workspace.host, "on this machine");
  check_path(workspace, workspace.guest, "in the sandbox");
  if (workspace.file && workspace.mode == WorkspaceMode::kOverlay)
    throw Error("the workspace " + in_quotes(workspace.host) + " is a file, which has no overlay",
                "share it with :ro or :rw, or the folder it is in");
  if (workspace.file && workspace.mode == WorkspaceMode::kClone)
    throw Error("the workspace " + in_quotes(workspace.host) + " is a file, which has no git repository",
                "share it with :ro or :rw, or clone the repository that it is in");
  if (const std::string why = why_not_mounted_at(workspace.guest); !why.empty())
    throw Error("cannot share " + in_quotes(workspace.host) + " at " + in_quotes(workspace.guest) + ": " + why,
                "give it another place in the sandbox: -w " + base::escaped(workspace.host) + ":/PLACE");
}

// One server would change names while the other looks through the folder for masked ones.
bool write_to_one_another(const Workspace& a, const Workspace& b) {
  if (a.file || b.file || a.mode == WorkspaceMode::kClone || b.mode == WorkspaceMode::kClone) return false;
  const bool written = a.mode == WorkspaceMode::kReadWrite || b.mode == WorkspaceMode::kReadWrite;
  return written && (is_within(a.host, b.host) || is_within(b.host, a.host));
}

}  // namespace

std::string_view to_string(WorkspaceMode mode) {
  const auto* found = std::find_if(kModes.begin(), kModes.end(), [&](const ModeName& one) { return one.mode == mode; });
  return found->name;
}

std::optional<WorkspaceMode> workspace_mode_from(std::string_view text) {
  for (const ModeName& one : kModes) {
    if (text == one.name) return one.mode;
  }
  return std::nullopt;
}

WorkspaceWish parse_workspace(std::string_view text) {
  std::vector<std::string> parts = base::split(text, ':');
  WorkspaceWish wish;
  if (parts.size() > 1) {
    wish.mode = workspace_mode_from(parts.back());
    if (wish.mode) parts.pop_back();
  }
  if (parts[0].empty()) throw bad_wish(text, "it names nothing of this machine");
  if (parts.size() > 2)
    throw bad_wish(
        text, wish.mode || parts.size() > 3 ? "it has too many colons" : in_quotes(parts.back()) + " is not a mode");
  wish.host = parts[0];
  if (parts.size() < 2) return wish;
  // What is neither a mode nor a path was meant to be one of them.
  if (!parts[1].starts_with('/'))
    throw bad_wish(text, in_quotes(parts[1]) + " is neither a mode nor an absolute path in the sandbox");
  wish.guest = parts[1];
  return wish;
}

std::string why_not_mounted_at(std::string_view place) {
  for (const std::string_view reserved : kReserved) {
    if (is_within(place, reserved)) return fmt::format("{} is the sandbox's own", reserved);
  }
  if (std::find(std::begin(kNeeded), std::end(kNeeded), place) != std::end(kNeeded))
    return "it would hide the sandbox's own system";
  return {};
}

void validate_workspaces(const std::vector<Workspace>& workspaces) {
  if (workspaces.size() > kMostWorkspaces)
    throw Error(fmt::format("{} workspaces were given", workspaces.size()),
                fmt::format("at most {} are possible", kMostWorkspaces));
  for (const Workspace& workspace : workspaces) check_one(workspace);
  for (size_t i = 0; i < workspaces.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const Workspace& a = workspaces[i];
      const Workspace& b = workspaces[j];
      if (a.id == b.id) throw Error(fmt::format("two workspaces have the number {}", a.id));
      if (is_within(a.guest, b.guest) || is_within(b.guest, a.guest))
        throw Error("two workspaces would lie in one another: " + in_quotes(b.guest) + " and " + in_quotes(a.guest),
                    "give one of them another place: -w HOST:/PLACE");
      if (write_to_one_another(a, b))
        throw Error("two workspaces would be of the same files, one of them to write: " + in_quotes(b.host) + " and " +
                        in_quotes(a.host),
                    "share the folder once, or give neither of them the mode rw");
    }
  }
}

void validate_masks(std::string_view option, const std::vector<std::string>& patterns) {
  if (patterns.size() > kMostMasks)
    throw Error(fmt::format("{}: {} patterns were given", option, patterns.size()),
                fmt::format("at most {} are possible", kMostMasks));
  for (const std::string& pattern : patterns) {
    const bool is_path = pattern.find('/') != std::string::npos;
    if (pattern.empty() || pattern.size() > (is_path ? kMaxPathBytes : kMaxPartBytes))
      throw Error(fmt::format("{} is {} bytes long", option, pattern.size()), "it is the pattern of a file's name");
    if (pattern == "." || pattern == ".." || pattern.find('\0') != std::string::npos)
      throw Error(fmt::format("{}: no file can be called {}", option, in_quotes(pattern)));
  }
}

const std::vector<std::string>& default_masks() {
  // Kinds of private keys are named one by one: id_* alone would hide id_map.c. An .npmrc with a token in it is hidden
  // by caisson-share, which looks into it.
  static const std::vector<std::string> kMasks = {".env*",
                                                  "*.pem",
                                                  "*.p12",
                                                  "*.pfx",
                                                  "*.ppk",
                                                  "id_rsa*",
                                                  "id_dsa*",
                                                  "id_ecdsa*",
                                                  "id_ed25519*",
                                                  ".aws",
                                                  ".azure",
                                                  ".ssh",
                                                  ".gnupg",
                                                  ".kube",
                                                  ".netrc",
                                                  ".git-credentials",
                                                  ".pypirc",
                                                  ".config/gcloud",
                                                  ".docker/config.json"};
  return kMasks;
}

const std::vector<std::string>& default_unmasks() {
  // They are in the repository, and git would take them for deleted.
  static const std::vector<std::string> kUnmasks = {".env.example", ".env.sample", ".env.template", ".env.dist"};
  return kUnmasks;
}

std::optional<std::string> clean_path(std::string_view path) {
  if (!path.starts_with('/') || path.find('\0') != std::string_view::npos) return std::nullopt;
  std::string clean;
  for (const std::string& part : base::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      clean.resize(clean.empty() ? 0 : clean.rfind('/'));
    } else {
      clean += "/" + part;
    }
  }
  return clean.empty() ? "/" : clean;
}

bool is_within(std::string_view path, std::string_view folder) {
  if (folder == "/") return path.starts_with('/');
  return path == folder || (path.starts_with(folder) && path.substr(folder.size()).starts_with('/'));
}

std::optional<std::string> place_in_guest(const std::vector<Workspace>& workspaces, std::string_view host_path) {
  for (const Workspace& workspace : workspaces) {
    if (workspace.file || !is_within(host_path, workspace.host)) continue;
    if (workspace.host == "/") return workspace.guest + (host_path == "/" ? "" : std::string(host_path));
    return workspace.guest + std::string(host_path.substr(workspace.host.size()));
  }
  return std::nullopt;
}

}  // namespace caisson::spec
