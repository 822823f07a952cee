// SPDX-License-Identifier: Apache-2.0

#include "changes/git_folders.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "base/ascii.h"
#include "base/error.h"
#include "base/fd.h"
#include "changes/classes.h"
#include "changes/git_index.h"

namespace caisson::changes {
namespace {

constexpr size_t kMostConfigBytes = 1U << 20;

// A repository's own folder that a path is in: the path from there on is `prefix`, and the path without its first
// `strip` bytes.
struct GitFolder {
  size_t strip = 0;
  std::string prefix = {};
};
using GitFolders = std::vector<GitFolder>;

bool is_there(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

std::string in_folder(const std::string& folder, const char* name) {
  return folder.empty() ? name : folder + "/" + name;
}

bool is_named_git(std::string_view path) {
  return base::ascii_lower(name_of(path)) == ".git";
}

class Repositories {
 public:
  Repositories(const ChangeSet& set, const HostRoot& root, const Received& received)
      : root_(root), received_(received), above_(above(root.path())) {
    for (const Change& change : set.changes) {
      if (change.after != FileType::kNone) made_.insert(change.path);
    }
  }

  bool is_machinery(const Change& change) {
    const GitFolders& folders = around(std::string(parent_of(change.path)));
    return std::any_of(folders.begin(), folders.end(), [&](const GitFolder& folder) {
      const std::string path = folder.prefix + change.path.substr(folder.strip);
      const GitPart part = part_of_git(base::ascii_lower(path));
      // git makes no links there, and follows those that it finds.
      if (part == GitPart::kMachinery || change.after == FileType::kSymlink) return true;
      return part == GitPart::kIndex && change.after == FileType::kFile && !is_harmless_index(change, folder);
    });
  }

 private:
  // Those that a path in `folder` is in.
  const GitFolders& around(const std::string& folder) {
    if (const auto known = around_.find(folder); known != around_.end()) return known->second;
    GitFolders folders = folder.empty() ? above_ : around(std::string(parent_of(folder)));
    // A working tree that lies in a bare repository, as `git worktree add` makes it there, is no part of it. What the
    // host has there says so; what the guest has made does not.
    if (root_.look(in_folder(folder, ".git")).exists()) folders.clear();
    if (is_git_folder(folder)) folders.push_back({.strip = folder.empty() ? 0 : folder.size() + 1});
    return around_.emplace(folder, std::move(folders)).first->second;
  }

  // By what is there now or will be: a part of the changes may be left out.
  bool has(const std::string& folder, const char* name) const {
    const std::string path = in_folder(folder, name);
    return made_.contains(path) || root_.look(path).exists();
  }
  bool is_git_folder(const std::string& folder) const {
    if (is_named_git(folder)) return true;
    return has(folder, "HEAD") && (has(folder, "objects") || has(folder, "commondir"));
  }

  // The same for the folders that the workspace lies in.
  static GitFolders above(const std::string& root) {
    GitFolders folders;
    std::string prefix;
    for (std::string folder = root; !folder.empty(); folder = std::string(parent_of(folder))) {
      // The root itself is judged with what is below it.
      if (folder != root && (is_named_git(folder) || (is_there(folder + "/HEAD") && is_there(folder + "/objects"))))
        folders.push_back({.prefix = prefix});
      if (folder == root && is_named_git(folder)) folders.push_back({});
      if (is_there(folder + "/.git")) break;
      prefix = std::string(name_of(folder)) + "/" + prefix;
    }
    return folders;
  }

  bool is_harmless_index(const Change& change, const GitFolder& folder) const {
    // One of the host's own comes with a folder that was renamed, and with that folder's configuration.
    if (change.record == kNoRecord || change.size > kMostIndexBytes || !folder.prefix.empty()) return false;
    const ReceivedRecord& record = received_.records()[static_cast<size_t>(change.record)];
    if (record.record.size != record.record.real_size || has_long_names(change.path.substr(0, folder.strip)))
      return false;
    std::string bytes;
    received_.content(record, [&](std::span<const char> part) {
      bytes.append(part.data(), part.size());
      return true;
    });
    return flaw_of_index(bytes).empty();
  }

  // Whether objects may have other names than flaw_of_index() expects. It is the host's configuration that says so: a
  // guest's is asked for by itself.
  bool has_long_names(const std::string& folder) const {
    if (root_.look(folder + "commondir").exists()) return true;
    const base::Fd config = root_.open(folder + "config");
    if (!config) return root_.look(folder + "config").exists();
    try {
      return base::ascii_lower(base::read_all(config.get(), kMostConfigBytes, "config")).find("sha256") !=
             std::string::npos;
    } catch (const base::Error&) {  // it is too large to be known
      return true;
    }
  }

  const HostRoot& root_;
  const Received& received_;
  const GitFolders above_;
  std::set<std::string> made_;
  std::map<std::string, GitFolders> around_;
};

}  // namespace

GitPart part_of_git(std::string_view path) {
  static constexpr std::string_view kFiles[] = {"head",        "orig_head",   "fetch_head",       "packed-refs",
                                                "merge_head",  "merge_msg",   "merge_mode",       "auto_merge",
                                                "squash_msg",  "description", "commit_editmsg",   "tag_editmsg",
                                                "revert_head", "shallow",     "cherry_pick_head", "gc.log"};
  // Where more objects are: anywhere on the host.
  if (path == "objects/info/alternates" || path == "objects/info/http-alternates") return GitPart::kMachinery;
  if (path == "index") return GitPart::kIndex;
  const std::string_view first = path.substr(0, path.find('/'));
  if (path.empty() || first == "objects" || first == "refs" || first == "logs") return GitPart::kData;
  const bool is_file = std::find(std::begin(kFiles), std::end(kFiles), path) != std::end(kFiles);
  return is_file ? GitPart::kData : GitPart::kMachinery;
}

void classify_repositories(ChangeSet& set, const HostRoot& root, const Received& received) {
  Repositories repositories(set, root, received);
  for (Change& change : set.changes) {
    // A folder alone runs nothing.
    if (change.after != FileType::kFolder && repositories.is_machinery(change)) change.classes |= bit_of(Class::kGit);
  }
}

}  // namespace caisson::changes
