// SPDX-License-Identifier: Apache-2.0

#include "clones/references.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/beneath.h"
#include "base/error.h"
#include "base/folder_names.h"
#include "base/scope.h"
#include "base/text.h"
#include "clones/git.h"

namespace caisson::clones {
namespace {

using base::Error;
using References = std::map<std::string, std::string>;

constexpr size_t kMostPackedBytes = 64U << 20;
constexpr size_t kMostLooseBytes = 4096;
constexpr size_t kMostNameBytes = 1024;
constexpr size_t kMostLooseFiles = 4 * kMostReferences;
constexpr size_t kMostWorktrees = 1000;
constexpr std::string_view kSymbolic = "ref:";

Error too_many() {
  return Error("it has more than " + std::to_string(kMostReferences) + " branches and tags",
               "share it as it is: leave out :clone");
}

bool is_kept(std::string_view name) {
  return (name.starts_with("refs/heads/") || name.starts_with("refs/tags/")) && name.size() <= kMostNameBytes &&
         std::all_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) > ' '; });
}

void add(References& found, const std::string& name, const std::string& value) {
  if (!is_kept(name)) return;
  found[name] = value;
  if (found.size() > kMostReferences) throw too_many();
}

void read_packed(int repository, References& found) {
  const auto text = base::read_beneath(repository, "packed-refs", kMostPackedBytes);
  for (const std::string& line : lines_of(text.value_or(""))) {
    const size_t space = line.find(' ');
    if (space != std::string::npos && is_object_name(line.substr(0, space)))
      add(found, line.substr(space + 1), line.substr(0, space));
  }
}

// What a file of one reference says; nothing where that is nothing.
std::optional<std::string> value_in(int repository, const std::string& path) {
  const auto text = base::read_beneath(repository, path, kMostLooseBytes);
  const std::string value(base::trimmed(text.value_or("")));
  if (is_object_name(value)) return value;
  if (!value.starts_with(kSymbolic)) return std::nullopt;
  return "ref: " + std::string(base::trimmed(value.substr(kSymbolic.size())));
}

void read_loose(int repository, const std::string& folder, References& found, size_t& looked_at) {
  base::Fd opened = base::open_beneath(repository, folder, O_RDONLY | O_DIRECTORY);
  if (!opened) return;
  for (const std::string& name : base::folder_names(std::move(opened), folder, kMostLooseFiles)) {
    if (++looked_at > kMostLooseFiles) throw too_many();
    const std::string path = folder + "/" + name;
    const base::Fd file = base::open_beneath(repository, path, O_PATH);
    struct stat info {};
    if (!file || path.size() > kMostNameBytes || ::fstat(file.get(), &info) != 0) continue;
    if (S_ISDIR(info.st_mode)) {
      read_loose(repository, path, found, looked_at);
    } else if (S_ISREG(info.st_mode) && !name.ends_with(".lock")) {
      if (const auto value = value_in(repository, path)) add(found, path, *value);
    }
  }
}

void add_branch(const std::optional<std::string>& value, std::set<std::string>& branches) {
  if (value && value->starts_with("ref: ")) branches.insert(value->substr(5));
}

// Of one working tree's administrative folder.
void add_branches_in_use(int repository, const std::string& folder, std::set<std::string>& branches) {
  add_branch(value_in(repository, folder + "HEAD"), branches);
  for (const char* name : {"rebase-merge/head-name", "rebase-apply/head-name"}) {
    const auto text = base::read_beneath(repository, folder + name, kMostLooseBytes);
    if (text) branches.insert(std::string(base::trimmed(*text)));
  }
}

Error cannot_move(const BranchMove& move, const std::string& why, const std::string& hint = {}) {
  return Error("the branch " + base::in_quotes(move.name) + " is not moved: " + why, hint);
}

}  // namespace

References read_references(int repository) {
  References found;
  read_packed(repository, found);
  size_t looked_at = 0;
  for (const char* folder : {"refs/heads", "refs/tags"}) read_loose(repository, folder, found, looked_at);
  return found;
}

References resolved(References references) {
  constexpr int kMostSteps = 5;  // as git
  References result;
  for (const auto& [name, value] : references) {
    std::string at = value;
    for (int step = 0; step < kMostSteps && at.starts_with("ref: "); ++step) {
      const auto next = references.find(at.substr(5));
      if (next == references.end()) break;
      at = next->second;
    }
    if (!at.starts_with("ref: ")) result[name] = at;
  }
  return result;
}

std::set<std::string> branches_in_use(int repository) {
  std::set<std::string> branches;
  add_branches_in_use(repository, "", branches);
  base::Fd worktrees = base::open_beneath(repository, "worktrees", O_RDONLY | O_DIRECTORY);
  if (!worktrees) return branches;
  for (const std::string& name : base::folder_names(std::move(worktrees), "worktrees", kMostWorktrees))
    add_branches_in_use(repository, "worktrees/" + name + "/", branches);
  return branches;
}

void move_branch(int repository, const BranchMove& move) {
  const size_t slash = move.name.rfind('/');
  const std::string folder_name = move.name.substr(0, slash);
  const std::string name = move.name.substr(slash + 1);
  const size_t above = folder_name.rfind('/');
  const base::Fd parent = base::open_beneath(repository, folder_name.substr(0, above), O_PATH | O_DIRECTORY);
  if (!parent) throw cannot_move(move, "it has no folder for branches of its own");
  ::mkdirat(parent.get(), folder_name.substr(above + 1).c_str(), 0777);
  const base::Fd folder = base::open_beneath(repository, folder_name, O_RDONLY | O_DIRECTORY);
  if (!folder) throw cannot_move(move, base::in_quotes(folder_name) + " is no folder, or a symbolic link");
  const std::string lock_name = name + ".lock";
  const base::Fd lock(::openat(folder.get(), lock_name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!lock && errno == EEXIST)
    throw cannot_move(move, "it is locked", "another git is at it, or one was killed: then remove " + lock_name);
  if (!lock) throw base::system_error("cannot lock the branch", move.name);
  base::Scope unlock([&] { ::unlinkat(folder.get(), lock_name.c_str(), 0); });
  const References now = read_references(repository);
  const auto there = now.find(move.name);
  if ((there == now.end() ? "" : there->second) != move.old) throw cannot_move(move, "it has been changed meanwhile");
  const std::string text = move.object + "\n";
  base::write_all(lock.get(), {text.data(), text.size()}, move.name);
  if (::fsync(lock.get()) != 0) throw base::system_error("cannot write", move.name);
  // An empty folder is what git leaves of branches below this one.
  ::unlinkat(folder.get(), name.c_str(), AT_REMOVEDIR);
  if (::renameat(folder.get(), lock_name.c_str(), folder.get(), name.c_str()) != 0)
    throw base::system_error("cannot write", move.name);
  unlock.dismiss();
  ::fsync(folder.get());
}

}  // namespace caisson::clones
