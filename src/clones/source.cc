// SPDX-License-Identifier: Apache-2.0

#include "clones/source.h"

#include <fcntl.h>

#include <chrono>
#include <filesystem>
#include <set>

#include "base/beneath.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "clones/references.h"

namespace caisson::clones {
namespace {

namespace fs = std::filesystem;
using base::Error;

constexpr size_t kMostHeadBytes = 4096;
constexpr size_t kMostIndexBytes = 512U << 20;
constexpr size_t kMostExcludeBytes = 1U << 20;
// For a number that is said: what would wait (a named pipe for .gitignore) does not hold up a start for long.
constexpr std::chrono::seconds kMostCountingTime{30};
constexpr std::string_view kHeads = "refs/heads/";

std::string doing_clone(const std::string& folder) {
  return "cannot clone " + base::in_quotes(folder);
}

bool is_there(const fs::path& path) {
  std::error_code failed;
  return fs::symlink_status(path, failed).type() != fs::file_type::not_found && !failed;
}

Error no_repository(const std::string& folder) {
  const std::string doing = doing_clone(folder);
  if (is_there(folder + "/HEAD") && is_there(folder + "/objects") && is_there(folder + "/refs"))
    return Error(doing + ": it is a bare repository, without files to work on",
                 "share a working tree of it: `git worktree add`, or `git clone`");
  for (fs::path at = fs::path(folder).parent_path(); at.has_relative_path(); at = at.parent_path()) {
    if (is_there(at / ".git"))
      return Error(doing + ": it is a folder in the repository " + base::in_quotes(at.string()),
                   "share the repository: -w " + base::escaped(at.string()) + ":clone");
  }
  return Error(doing + ": it is no git repository",
               "make one (`git init`, and a first commit), or share the folder as it is: leave out :clone");
}

base::GitFolders git_folders_of(const std::string& folder) {
  try {
    if (auto found = base::find_git_folders(folder)) return *found;
  } catch (const Error& error) {
    throw error.within(doing_clone(folder));
  }
  throw no_repository(folder);
}

// Each submodule's configuration names its working tree: else the .git file of one could name another one's folder.
void check_is_of(const std::string& folder, const base::GitFolders& folders, const HostRepository& repository) {
  const bool linked = folders.own != folders.common;
  if (!linked && repository.is_bare())
    throw Error(doing_clone(folder) + ": its configuration says that it is a bare repository",
                "git config core.bare false");
  if (linked || (folders.own == folder + "/.git" && repository.work_tree().empty())) return;
  std::error_code failed;
  const fs::path tree = fs::canonical(fs::path(folders.common) / repository.work_tree(), failed);
  if (failed || repository.work_tree().empty() || tree != folder)
    throw Error(doing_clone(folder) + ": the repository " + base::in_quotes(folders.common) +
                " is not that of this folder, but of " + base::in_quotes(repository.work_tree()));
}

void read_head(Source& source, const base::Fd& own) {
  const std::string text(base::trimmed(base::read_beneath(own.get(), "HEAD", kMostHeadBytes).value_or("")));
  std::string wanted = text;
  if (text.starts_with("ref:")) {
    const std::string name(base::trimmed(text.substr(4)));
    if (!name.starts_with(kHeads) || !source.repository.is_ok({"check-ref-format", name}))
      throw Error(doing_clone(source.folder) + ": its HEAD is no branch: " + base::in_quotes(name));
    source.branch = name.substr(kHeads.size());
    wanted = name;
  } else if (!is_object_name(text)) {
    throw Error(doing_clone(source.folder) + ": its HEAD is neither a branch nor a commit");
  }
  source.head = source.repository.answer({"rev-parse", "--verify", "--quiet", wanted + "^{commit}"});
  if (source.branch.empty() && source.head.empty())
    throw Error(doing_clone(source.folder) + ": its HEAD is no commit that it has");
}

void add_names(const std::string& out, std::set<std::string>& names) {
  for (const std::string& name : base::split(out, '\0')) {
    if (!name.empty()) names.insert(name);
  }
}

}  // namespace

Source look_at_source(const std::string& folder, const std::string& scratch) {
  const base::GitFolders folders = git_folders_of(folder);
  try {
    Source source{.folder = folder,
                  .own = folders.own,
                  .repository = HostRepository(folders.common, scratch),
                  .head = {},
                  .branch = {}};
    check_is_of(folder, folders, source.repository);
    const base::Fd own = base::open_without_links(folders.own, O_PATH | O_DIRECTORY);
    if (!own) throw base::system_error("cannot open", folders.own);
    read_head(source, own);
    return source;
  } catch (const Error& error) {
    if (error.problem().starts_with("cannot clone")) throw;
    throw error.within(doing_clone(folder));
  }
}

// In the place of ours, with copies of the index and of what says what is ignored: no filter of the repository's is
// known there, and no submodule is entered.
std::optional<uint64_t> uncommitted_files(const Source& source) {
  try {
    const base::Fd own = base::open_without_links(source.own, O_PATH | O_DIRECTORY);
    const base::Fd tree = base::open_without_links(source.folder, O_PATH | O_DIRECTORY);
    if (!own || !tree) return std::nullopt;
    const std::string& place = source.repository.place();
    if (const auto index = base::read_beneath(own.get(), "index", kMostIndexBytes))
      write_text(place + "/index", *index);
    base::make_folders(place + "/info");
    if (const auto text = base::read_beneath(source.repository.fd(), "info/exclude", kMostExcludeBytes))
      write_text(place + "/info/exclude", *text);
    std::set<std::string> names;
    const auto ask = [&](std::vector<std::string> arguments) {
      GitCall call = source.repository.call(std::move(arguments));
      call.work_tree = source.folder;
      call.reads = {tree.get()};
      call.bounds = kForGuests;
      call.bounds.time = kMostCountingTime;
      add_names(git_output(call, "cannot look at the files"), names);
    };
    if (source.head.empty()) {
      ask({"ls-files", "-z"});
    } else {
      ask({"diff-index", "--name-only", "-z", "--no-ext-diff", "--ignore-submodules=all", source.head, "--"});
    }
    ask({"ls-files", "-z", "--others", "--exclude-standard"});
    return names.size();
  } catch (const Error&) {
    return std::nullopt;  // an index in parts, too many files: nothing depends on it
  }
}

std::string branch_of_sandbox(const std::string& name) {
  return "caisson/" + name;
}

std::string look_at_branch(const HostRepository& repository, const std::string& name) {
  const std::string branch = branch_of_sandbox(name);
  const std::string full = std::string(kHeads) + branch;
  const std::string where = base::in_quotes(repository.id().folder);
  if (!repository.is_ok({"check-ref-format", full}))
    throw Error("the sandbox's commits would come back on the branch " + base::in_quotes(branch) +
                    ", which is no name of a branch",
                "give it another name: --name");
  const std::map<std::string, std::string> there = read_references(repository.fd());
  if (there.count("refs/heads/caisson") > 0)
    throw Error(where + " has a branch 'caisson', so that none can be called " + base::in_quotes(branch),
                "give that one another name: git branch -m caisson NEW-NAME");
  const auto below = there.lower_bound(full + "/");
  if (below != there.end() && below->first.starts_with(full + "/"))
    throw Error(where + " has a branch " + base::in_quotes(below->first.substr(kHeads.size())) +
                    ", so that none can be called " + base::in_quotes(branch),
                "give that one another name: git branch -m");
  const auto found = there.find(full);
  if (found == there.end()) return {};
  if (found->second.starts_with("ref: "))
    throw Error(where + " has a symbolic reference " + base::in_quotes(branch) + ", to " +
                    base::in_quotes(found->second.substr(5)) + ", which is not moved",
                "remove it: git symbolic-ref -d " + base::escaped(full));
  return found->second;
}

void check_branch_is_free(const Source& source, const std::string& name) {
  const std::string there = look_at_branch(source.repository, name);
  if (there.empty()) return;
  const bool is_behind =
      !source.head.empty() && source.repository.is_ok({"merge-base", "--is-ancestor", there, source.head});
  if (is_behind) return;
  const std::string branch = branch_of_sandbox(name);
  throw Error(base::in_quotes(source.folder) + " has a branch " + base::in_quotes(branch) +
                  " with commits that HEAD does not have",
              "merge or remove it (git branch -D " + base::escaped(branch) + "), or give the sandbox another --name");
}

}  // namespace caisson::clones
