// SPDX-License-Identifier: Apache-2.0

#include "base/git_folder.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>

#include "base/beneath.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

namespace caisson::base {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxPathFileBytes = 8192;

// The path that a file of git's holds, with its links followed; relative paths are from `folder`.
fs::path path_in(const std::string& content, const fs::path& folder) {
  const std::string text(trimmed(content));
  if (text.empty() || text.find('\0') != std::string::npos) throw Error("its path is empty");
  std::error_code error;
  fs::path path = fs::canonical(folder / text, error);
  if (error) throw system_error("cannot follow", text, error.value());
  return path;
}

bool is_above(const fs::path& folder, const fs::path& path) {
  const auto [at, unused] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return at == folder.end();
}

// gitrepository-layout(5): worktrees/ID/gitdir names the worktree's .git file, written when the worktree was made.
std::optional<fs::path> tree_of_worktree(const fs::path& folder) {
  const auto back = read_git_file(folder, "gitdir", kMaxPathFileBytes);
  if (!back) return std::nullopt;
  const fs::path file = path_in(*back, folder);
  if (file.filename() != ".git") return std::nullopt;
  return file.parent_path();
}

// Of a submodule's folder, "…/.git/modules/a/b" or "…/.git/worktrees/ID/modules/a/b": the working tree that it is in.
std::optional<fs::path> tree_of_superproject(const fs::path& folder) {
  for (fs::path at = folder; at.has_relative_path(); at = at.parent_path()) {
    const fs::path around = at.parent_path();
    if (at.filename() != "modules") continue;
    if (around.filename() == ".git") return around.parent_path();
    if (around.parent_path().filename() == "worktrees" && around.parent_path().parent_path().filename() == ".git")
      return tree_of_worktree(around);
  }
  return std::nullopt;
}

GitFolders follow(const std::string& content, const fs::path& tree) {
  constexpr std::string_view kPrefix = "gitdir:";
  if (!content.starts_with(kPrefix)) throw Error("it is a file that names no folder");
  const fs::path folder = path_in(content.substr(kPrefix.size()), tree);
  if (const auto text = read_git_file(folder, "commondir", kMaxPathFileBytes)) {
    const fs::path common = path_in(*text, folder);
    if (folder.parent_path() == common / "worktrees" && tree_of_worktree(folder) == tree)
      return {.own = folder.string(), .common = common.string()};
  } else if (const auto super = tree_of_superproject(folder)) {
    if (is_above(*super, tree)) return {.own = folder.string(), .common = folder.string()};
  }
  throw Error("it names " + in_quotes(folder.string()) + ", which is no folder of this workspace's repository");
}

}  // namespace

std::optional<std::string> read_git_file(const std::string& folder, const std::string& name, size_t max_bytes) {
  const Fd dir = open_if_exists(folder, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (!dir) return std::nullopt;
  return read_beneath(dir.get(), name, max_bytes);
}

std::optional<GitFolders> find_git_folders(const std::string& tree) {
  std::error_code error;
  const fs::path top = fs::canonical(tree, error);
  if (error) throw system_error("cannot find the workspace", tree, error.value());
  const fs::path git = top / ".git";
  switch (fs::symlink_status(git, error).type()) {
    case fs::file_type::not_found:
      return std::nullopt;
    case fs::file_type::directory:
      return GitFolders{.own = git.string(), .common = git.string()};
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

}  // namespace caisson::base
