// SPDX-License-Identifier: Apache-2.0

#include "guest/discard.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "link/change_format.h"

namespace caisson::guest {
namespace {

base::Error cannot_discard(const std::string& name) {
  return base::system_error("cannot discard", name);
}

// Removes what can be without looking into it; the names of the folders that are left.
std::vector<std::string> remove_files(const base::Fd& folder, const std::string& path) {
  std::vector<std::string> folders;
  for (std::string& name : names_in(folder, path)) {
    if (::unlinkat(folder.get(), name.c_str(), 0) == 0 || errno == ENOENT) continue;
    if (errno != EISDIR) throw cannot_discard(path + "/" + name);
    folders.push_back(std::move(name));
  }
  return folders;
}

// A folder that is being emptied, and those in it that are yet to be.
struct Level {
  std::string name;
  ino_t inode = 0;
  std::vector<std::string> folders;
};

Level enter(const base::Fd& folder, const std::string& name) {
  struct stat info {};
  if (::fstat(folder.get(), &info) != 0) throw cannot_discard(name);
  return {.name = name, .inode = info.st_ino, .folders = remove_files(folder, name)};
}

// Needs neither a descriptor nor a call for each level: a tree may be deeper than a path is long.
void remove_tree(const base::Fd& parent, const std::string& top) {
  base::Fd at = open_folder(parent, top);
  if (!at) return;
  std::vector<Level> levels;
  levels.push_back(enter(at, top));
  while (!levels.empty()) {
    if (std::vector<std::string>& folders = levels.back().folders; !folders.empty()) {
      const std::string name = std::move(folders.back());
      folders.pop_back();
      base::Fd below = open_folder(at, name);
      if (!below) continue;  // it has gone meanwhile
      at = std::move(below);
      levels.push_back(enter(at, name));
      continue;
    }
    const Level done = std::move(levels.back());
    levels.pop_back();
    base::Fd up = levels.empty() ? parent.duplicate() : open_folder(at, "..");
    struct stat info {};
    if (!up || ::fstat(up.get(), &info) != 0) throw cannot_discard(done.name);
    if (!levels.empty() && info.st_ino != levels.back().inode)
      throw base::Error("cannot discard '" + done.name + "': it was moved meanwhile", "try again");
    if (::unlinkat(up.get(), done.name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) throw cannot_discard(done.name);
    at = std::move(up);
  }
}

class Discarder {
 public:
  explicit Discarder(const DiscardLayers& layers) : lower_(layers.lower), notes_(layers.attributes) {}

  void remove_at(const base::Fd& upper, const std::string& path) const {
    base::Fd at = upper.duplicate();
    Lower lower = "";
    size_t begin = 0;
    while (true) {
      const size_t slash = path.find('/', begin);
      const std::string name = path.substr(begin, slash == std::string::npos ? slash : slash - begin);
      if (slash == std::string::npos) return remove(at, name, lower);
      at = open_folder(at, name);
      if (!at) return;  // nothing is changed below it
      lower = notes_.below(at, name, lower).lower;
      begin = slash + 1;
    }
  }

  void empty(const base::Fd& folder, const std::string& path, const Lower& lower) const {
    for (const std::string& name : remove_files(folder, path)) remove(folder, name, lower);
  }

 private:
  void remove(const base::Fd& parent, const std::string& name, const Lower& lower) const {
    if (::unlinkat(parent.get(), name.c_str(), 0) == 0 || errno == ENOENT) return;
    if (errno != EISDIR) throw cannot_discard(name);
    const base::Fd folder = open_folder(parent, name);
    if (!folder) throw cannot_discard(name);
    const FolderBelow below = notes_.below(folder, name, lower);
    struct stat host {};
    if (!below.renamed_from.empty() || !below.lower || !is_folder_below(*below.lower, host))
      return remove_tree(parent, name);
    empty(folder, *below.lower, below.lower);
    const timespec times[2] = {host.st_atim, host.st_mtim};
    if (::fchmod(folder.get(), host.st_mode & 0777U) != 0 || ::futimens(folder.get(), times) != 0)
      throw cannot_discard(name);
  }

  bool is_folder_below(const std::string& path, struct stat& info) const {
    if (::fstatat(lower_.get(), path.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return S_ISDIR(info.st_mode);
    if (errno == ENOENT || errno == ENOTDIR) return false;
    throw base::system_error("cannot look at", path);
  }

  const base::Fd& lower_;
  OverlayLayers notes_;
};

}  // namespace

void discard_changes(const DiscardLayers& layers, const std::vector<std::string>& paths) {
  allow_many_files();
  const Discarder discarder(layers);
  if (paths.empty()) return discarder.empty(layers.upper, "workspace", Lower(""));
  for (const std::string& path : paths) {
    const std::string flaw = link::flaw_of_path(path);
    if (!flaw.empty()) throw base::Error("a path to discard " + flaw);
    discarder.remove_at(layers.upper, path);
  }
}

}  // namespace caisson::guest
