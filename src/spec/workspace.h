// SPDX-License-Identifier: Apache-2.0

// The folders and files of this machine that a sandbox gets, and what of them it never sees. Pure data and text; what
// is on the disk is looked at by whoever makes a spec (cli/workspace_options.h) and by the keeper when it opens them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::spec {

// How much of the sandbox's writing reaches the machine.
enum class WorkspaceMode {
  kOverlay,    // none: a copy-on-write view; changes are looked at and applied
  kReadOnly,   // none: writing fails
  kReadWrite,  // all, at once
  kClone,      // none: a git clone of the folder's repository; its commits come back as a branch
};
// As -w and every record name it: "overlay", "ro", "rw", "clone".
std::string_view to_string(WorkspaceMode mode);
std::optional<WorkspaceMode> workspace_mode_from(std::string_view text);

struct Workspace {
  uint32_t id = 0;    // 1, 2, …: its name on the link and in the sandbox's folder
  std::string host;   // the folder or file; absolute, without links
  std::string guest;  // where it is in the sandbox; absolute
  WorkspaceMode mode = WorkspaceMode::kOverlay;
  bool file = false;  // a single file
};

inline constexpr size_t kMostWorkspaces = 32;
inline constexpr size_t kMostMasks = 256;

// What the sandbox does in it stays on its own disk until somebody takes it over.
inline bool keeps_changes_apart(WorkspaceMode mode) {
  return mode == WorkspaceMode::kOverlay || mode == WorkspaceMode::kClone;
}

// "HOST[:GUEST][:MODE]" as it was typed. Throws.
struct WorkspaceWish {
  std::string host;
  std::string guest;  // "": the same place as on the host
  std::optional<WorkspaceMode> mode;
};
WorkspaceWish parse_workspace(std::string_view text);

// Why nothing may be mounted there, or "". `place` is absolute and clean.
std::string why_not_mounted_at(std::string_view place);

// Throws base::Error that names the option and the remedy.
void validate_workspaces(const std::vector<Workspace>& workspaces);
// Patterns of names that are hidden: of one name, or of a path below the folder when a '/' is in it.
void validate_masks(std::string_view option, const std::vector<std::string>& patterns);

// What is hidden from every sandbox unless --unmask says otherwise: files that hold secrets by custom. And names that
// look like them and hold none.
const std::vector<std::string>& default_masks();
const std::vector<std::string>& default_unmasks();

// An absolute path without "//", "." and a '/' at its end; ".." is taken for what it says, whatever links there are.
// Nothing where it is not absolute.
std::optional<std::string> clean_path(std::string_view path);
// `path` is `folder` or below it; both are clean.
bool is_within(std::string_view path, std::string_view folder);
// Where a path of the host is in the sandbox, when it is within a folder that it gets.
std::optional<std::string> place_in_guest(const std::vector<Workspace>& workspaces, std::string_view host_path);

}  // namespace caisson::spec
