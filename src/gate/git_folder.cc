// SPDX-License-Identifier: Apache-2.0

#include "gate/git_folder.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

namespace caisson::gate {
namespace {

namespace fs = std::filesystem;
using base::Error;

constexpr size_t kMaxPathFileBytes = 8192;

// The path that a file of git's holds, with its links followed; relative paths are from `folder`.
fs::path path_in(const std::string& content, const fs::path& folder) {
  const std::string text(base::trimmed(content));
  if (text.empty() || text.find('\0') != std::string::npos) throw Error("its path is empty");
  std::error_code error;
  fs::path path = fs::canonical(folder / text, error);
  if (error) throw base::system_error("cannot follow", text, error.value());
  return path;
}

// The repository's folder that an administrative one (".git/worktrees/x", ".git/modules/a/b") is in: the innermost
// folder above it with this name whose own name is .git.
std::optional<fs::path> git_folder_around(const fs::path& folder, std::string_view kind) {
  for (fs::path at = folder; at.has_relative_path(); at = at.parent_path()) {
    if (at.filename() == kind && at.parent_path().filename() == ".git") return at.parent_path();
  }
  return std::nullopt;
}

bool is_above(const fs::path& folder, const fs::path& path) {
  const auto [at, unused] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return at == folder.end();
}

// gitrepository-layout(5): worktrees/ID/gitdir names the worktree's .git file, written when the worktree was made.
bool is_worktree_of(const fs::path& folder, const fs::path& workspace) {
  const auto back = read_git_file(folder, "gitdir", kMaxPathFileBytes);
  return back && path_in(*back, folder) == workspace / ".git";
}

std::string follow(const std::string& content, const fs::path& workspace) {
  constexpr std::string_view kPrefix = "gitdir:";
  if (!content.starts_with(kPrefix)) throw Error("it is a file that names no folder");
  const fs::path folder = path_in(content.substr(kPrefix.size()), workspace);
  if (const auto repository = git_folder_around(folder, "worktrees")) {
    const auto common = read_git_file(folder, "commondir", kMaxPathFileBytes);
    if (common && is_worktree_of(folder, workspace) && path_in(*common, folder) == *repository) return *repository;
  } else if (const auto parent = git_folder_around(folder, "modules")) {
    if (is_above(parent->parent_path(), workspace)) return folder;
  }
  throw Error("it names " + base::in_quotes(folder.string()) + ", which is no folder of this workspace's repository");
}

}  // namespace

std::optional<std::string> read_git_file(const std::string& folder, const std::string& name, size_t max_bytes) {
  const base::Fd dir = base::open_if_exists(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!dir) return std::nullopt;
  const base::Fd file = base::open_if_exists(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, dir.get());
  if (!file) return std::nullopt;
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw base::system_error("cannot read", name);
  if (!S_ISREG(info.st_mode)) throw Error("cannot read " + base::in_quotes(name) + ": it is not a file");
  return base::read_all(file.get(), max_bytes, name);
}

std::optional<std::string> find_git_folder(const std::string& workspace) {
  std::error_code error;
  const fs::path top = fs::canonical(workspace, error);
  if (error) throw base::system_error("cannot find the workspace", workspace, error.value());
  const fs::path git = top / ".git";
  switch (fs::symlink_status(git, error).type()) {
    case fs::file_type::not_found:
      return std::nullopt;
    case fs::file_type::directory:
      return git.string();
    case fs::file_type::regular:
      break;
    default:
      throw Error("the workspace's '.git' is no folder and no file");
  }
  try {
    return follow(read_git_file(top, ".git", kMaxPathFileBytes).value_or(""), top);
  } catch (const Error& problem) {
    throw problem.within("the workspace's '.git' is not followed");
  }
}

}  // namespace caisson::gate
