// SPDX-License-Identifier: Apache-2.0

#include "image/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <memory>

#include "base/error.h"
#include "base/text.h"

namespace caisson::image {
namespace {

constexpr size_t kMaxPath = 4095;
constexpr size_t kMaxName = 255;
// Of folders inside each other that a whiteout removes; each costs a descriptor.
constexpr unsigned kMaxDepth = 512;
constexpr timespec kNoTime = {.tv_sec = 0, .tv_nsec = 0};

base::Error failed(std::string_view doing, std::string_view path) {
  const int errnum = errno;
  return base::system_error(
      doing, path, errnum,
      errnum == ENOSPC || errnum == EDQUOT ? "free some disk space, or set XDG_CACHE_HOME to a larger disk" : "");
}

std::vector<std::string> names_in(int folder) {
  const int own = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (own < 0) throw failed("cannot read", "a folder");
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(own), ::closedir);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

}  // namespace

std::vector<std::string> path_parts(std::string_view path) {
  if (path.size() > kMaxPath) throw base::Error("the archive has a path of more than 4095 bytes");
  if (path.find('\0') != std::string_view::npos) throw base::Error("the archive has a path with a NUL byte");
  std::vector<std::string> parts;
  for (std::string& part : base::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") throw base::Error("the archive has the path " + base::in_quotes(path) + ", which leaves it");
    if (part.size() > kMaxName) throw base::Error("the archive has a file name of more than 255 bytes");
    parts.push_back(std::move(part));
  }
  return parts;
}

Tree::Tree(const std::string& folder, Ownership ownership)
    : root_(base::open_file(folder, O_RDONLY | O_DIRECTORY)), name_(folder), ownership_(ownership) {}

void Tree::begin_layer() {
  made_.clear();
  folder_times_.clear();
  cached_.reset();
  cached_path_.clear();
}

void Tree::finish_layer() {
  cached_.reset();
  for (const auto& [inode, folder] : folder_times_) {
    base::Fd fd;
    try {
      fd = open_below(folder.path, O_RDONLY | O_DIRECTORY);
    } catch (const base::Error&) {
      continue;  // removed later in the layer
    }
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0 || info.st_ino != inode) continue;
    const timespec times[2] = {folder.mtime, folder.mtime};
    if (::futimens(fd.get(), times) != 0) throw failed("cannot set the time of", folder.path);
  }
  folder_times_.clear();
}

base::Fd Tree::open_below(const std::string& path, int flags) const {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  base::Fd fd(
      static_cast<int>(::syscall(SYS_openat2, root_.get(), path.empty() ? "." : path.c_str(), &how, sizeof how)));
  if (!fd) throw failed("cannot open", path);
  return fd;
}

int Tree::open_parent(const std::vector<std::string>& parts) {
  const std::string path = base::join({parts.begin(), parts.end() - 1}, "/");
  if (path.empty()) {
    remember_time(root_.get(), "");
    return root_.get();
  }
  if (cached_ && path == cached_path_) return cached_.get();
  try {
    cached_ = open_below(path, O_RDONLY | O_DIRECTORY);
  } catch (const base::Error& error) {
    if (error.errnum() != ENOENT) throw;
    make_parents({parts.begin(), parts.end() - 1});
    cached_ = open_below(path, O_RDONLY | O_DIRECTORY);
  }
  cached_path_ = path;
  remember_time(cached_.get(), path);
  return cached_.get();
}

// Folders that the archive does not name: root's, 0755, and with a time that doesn't depend on when this runs.
void Tree::make_parents(const std::vector<std::string>& parts) {
  Attributes attributes;
  attributes.mode = 0755;
  base::Fd parent = root_.duplicate();
  remember_time(parent.get(), "");
  std::string path;
  for (const std::string& part : parts) {
    path += (path.empty() ? "" : "/") + part;
    try {
      parent = open_below(path, O_RDONLY | O_DIRECTORY);
      remember_time(parent.get(), path);
      continue;
    } catch (const base::Error& error) {
      if (error.errnum() != ENOENT) throw;
    }
    // A link that leads nowhere is there already: EEXIST.
    if (::mkdirat(parent.get(), part.c_str(), 0700) != 0) throw failed("cannot make the folder", path);
    set_attributes(parent.get(), part, attributes);
    remember(parent.get(), part);
    parent = open_below(path, O_RDONLY | O_DIRECTORY);
    struct stat info {};
    if (::fstat(parent.get(), &info) == 0) folder_times_[info.st_ino] = {path, kNoTime};
  }
}

Tree::Place Tree::place(std::string_view path) {
  const std::vector<std::string> parts = path_parts(path);
  if (parts.empty()) return {.parent = root_.get(), .name = ""};
  return {.parent = open_parent(parts), .name = parts.back()};
}

void Tree::remember(int parent, const std::string& name) {
  struct stat info {};
  if (::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) made_.insert(info.st_ino);
}

// A folder that gets entries keeps the time it had, unless the layer gives it one.
void Tree::remember_time(int folder, const std::string& path) {
  struct stat info {};
  if (::fstat(folder, &info) != 0) throw failed("cannot look at", path);
  folder_times_.try_emplace(info.st_ino, FolderTime{path, info.st_mtim});
}

void Tree::folder(std::string_view path, const Attributes& attributes) {
  const Place at = place(path);
  const std::string name = at.name.empty() ? "." : at.name;
  struct stat info {};
  const bool there = ::fstatat(at.parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
  if (!there || !S_ISDIR(info.st_mode)) {
    if (there) remove(at.parent, name);
    if (::mkdirat(at.parent, name.c_str(), 0700) != 0) throw failed("cannot make the folder", path);
  }
  set_attributes(at.parent, name, attributes);
  if (::fstatat(at.parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) throw failed("cannot look at", path);
  made_.insert(info.st_ino);
  folder_times_[info.st_ino] = {base::join(path_parts(path), "/"), attributes.mtime};
}

base::Fd Tree::file(std::string_view path) {
  const Place at = place(path);
  if (at.name.empty()) throw base::Error("the archive has a file in place of its own folder");
  remove(at.parent, at.name);
  base::Fd file(::openat(at.parent, at.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) throw failed("cannot make the file", path);
  remember(at.parent, at.name);
  return file;
}

void Tree::close_file(std::string_view path, const base::Fd& file, uint64_t size, const Attributes& attributes) {
  if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0) throw failed("cannot set the size of", path);
  set_attributes_of(file.get(), path, attributes);
  if (ownership_ == Ownership::kFaked) set_xattrs(file.get(), attributes);
}

void Tree::symlink(std::string_view path, const std::string& target, const Attributes& attributes) {
  const Place at = place(path);
  if (at.name.empty()) throw base::Error("the archive has a link in place of its own folder");
  if (target.empty() || target.size() > kMaxPath) throw base::Error("the archive has a link with a bad target");
  remove(at.parent, at.name);
  if (::symlinkat(target.c_str(), at.parent, at.name.c_str()) != 0) throw failed("cannot make the link", path);
  set_attributes(at.parent, at.name, attributes);
  remember(at.parent, at.name);
}

void Tree::hard_link(std::string_view path, std::string_view target) {
  const std::vector<std::string> target_parts = path_parts(target);
  if (target_parts.empty()) throw base::Error("the archive has a hard link to its own folder");
  const base::Fd target_parent =
      open_below(base::join({target_parts.begin(), target_parts.end() - 1}, "/"), O_RDONLY | O_DIRECTORY);
  const Place at = place(path);
  if (at.name.empty()) throw base::Error("the archive has a link in place of its own folder");
  struct stat from {};
  struct stat to {};
  if (::fstatat(target_parent.get(), target_parts.back().c_str(), &from, AT_SYMLINK_NOFOLLOW) != 0)
    throw failed("the archive has a hard link to what it does not have:", target);
  if (::fstatat(at.parent, at.name.c_str(), &to, AT_SYMLINK_NOFOLLOW) == 0) {
    if (to.st_ino == from.st_ino && to.st_dev == from.st_dev) return;  // to itself
    remove(at.parent, at.name);
  }
  if (::linkat(target_parent.get(), target_parts.back().c_str(), at.parent, at.name.c_str(), 0) != 0)
    throw failed("cannot make the hard link", path);
  remember(at.parent, at.name);
}

void Tree::node(std::string_view path, mode_t type, dev_t device, const Attributes& attributes) {
  if (ownership_ == Ownership::kPlain && type != S_IFIFO)
    throw base::Error("the archive has a device node " + base::in_quotes(path));
  const Place at = place(path);
  if (at.name.empty()) throw base::Error("the archive has a device in place of its own folder");
  remove(at.parent, at.name);
  if (::mknodat(at.parent, at.name.c_str(), type | 0600, device) != 0) throw failed("cannot make the node", path);
  set_attributes(at.parent, at.name, attributes);
  remember(at.parent, at.name);
}

// By descriptor wherever there is one: what unpacks is confined to changing what it could open (unpack_reading.h).
void Tree::set_attributes(int parent, const std::string& name, const Attributes& attributes) {
  struct stat info {};
  if (::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) throw failed("cannot look at", name);
  if (S_ISLNK(info.st_mode)) return set_link_attributes(parent, name, attributes);
  const base::Fd file = base::open_file(name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0, parent);
  set_attributes_of(file.get(), name, attributes);
  if (ownership_ == Ownership::kFaked && S_ISDIR(info.st_mode)) set_xattrs(file.get(), attributes);
}

void Tree::set_attributes_of(int file, std::string_view path, const Attributes& attributes) const {
  if (ownership_ == Ownership::kFaked) {
    // Owner first: chown(2) clears setuid and setgid.
    if (::fchown(file, attributes.uid, attributes.gid) != 0) throw failed("cannot set the owner of", path);
    if (::fchmod(file, attributes.mode) != 0) throw failed("cannot set the mode of", path);
  }
  const timespec times[2] = {attributes.mtime, attributes.mtime};
  if (::futimens(file, times) != 0) throw failed("cannot set the time of", path);
}

void Tree::set_link_attributes(int parent, const std::string& name, const Attributes& attributes) const {
  if (ownership_ == Ownership::kFaked &&
      ::fchownat(parent, name.c_str(), attributes.uid, attributes.gid, AT_SYMLINK_NOFOLLOW) != 0)
    throw failed("cannot set the owner of", name);
  const timespec times[2] = {attributes.mtime, attributes.mtime};
  if (::utimensat(parent, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) throw failed("cannot set the time of", name);
}

void Tree::set_xattrs(int fd, const Attributes& attributes) const {
  for (const auto& [name, value] : attributes.xattrs) {
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) == 0) continue;
    // user.* needs the cache's file system; an image is usable without them.
    if (errno == ENOTSUP && name.starts_with("user.")) continue;
    throw failed("cannot set the extended attribute", name);
  }
}

// Removes what has this name, whatever it is; nothing there is fine.
void Tree::remove(int parent, const std::string& name) {
  struct stat info {};
  if (::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return;
    throw failed("cannot look at", name);
  }
  clear(parent, name, info);
  // What the cached descriptor was reached through may be gone, and a folder that is made anew is another one; the
  // parent that the caller holds stays open.
  cached_path_.clear();
}

void Tree::clear(int parent, const std::string& name, const struct stat& info) {
  made_.erase(info.st_ino);
  if (!S_ISDIR(info.st_mode)) {
    if (::unlinkat(parent, name.c_str(), 0) != 0) throw failed("cannot remove", name);
    return;
  }
  // Nothing below it is spared: remembered inodes only matter for whiteouts.
  std::unordered_set<ino_t> kept;
  kept.swap(made_);
  remove_older(parent, name, 0);
  made_.swap(kept);
  folder_times_.erase(info.st_ino);
}

// Removes a file, or a folder's content and the folder, but not what this layer made. True when nothing is left of it.
bool Tree::remove_older(int parent, const std::string& name, unsigned depth) {
  if (depth > kMaxDepth) throw base::Error("the archive removes folders that are too deep");
  struct stat info {};
  if (::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) throw failed("cannot look at", name);
  bool keep = made_.contains(info.st_ino);
  if (S_ISDIR(info.st_mode)) {
    const base::Fd folder = base::open_file(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, parent);
    for (const std::string& child : names_in(folder.get())) {
      if (!remove_older(folder.get(), child, depth + 1)) keep = true;
    }
  }
  if (keep) return false;
  folder_times_.erase(info.st_ino);
  if (::unlinkat(parent, name.c_str(), S_ISDIR(info.st_mode) ? AT_REMOVEDIR : 0) != 0)
    throw failed("cannot remove", name);
  return true;
}

void Tree::whiteout(std::string_view path) {
  const Place at = place(path);
  if (at.name.empty()) throw base::Error("the archive removes its own folder");
  struct stat info {};
  if (::fstatat(at.parent, at.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return;
  remove_older(at.parent, at.name, 0);
  cached_path_.clear();
}

void Tree::opaque(std::string_view path) {
  const std::vector<std::string> parts = path_parts(path);
  base::Fd folder;
  try {
    folder = open_below(base::join(parts, "/"), O_RDONLY | O_DIRECTORY);
  } catch (const base::Error& error) {
    if (error.errnum() == ENOENT) return;
    throw;
  }
  remember_time(folder.get(), base::join(parts, "/"));
  for (const std::string& child : names_in(folder.get())) remove_older(folder.get(), child, 0);
  cached_path_.clear();
}

bool Tree::has_file(std::string_view path) const {
  try {
    const base::Fd file = open_below(base::join(path_parts(path), "/"), O_PATH);
    struct stat info {};
    return ::fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode);
  } catch (const base::Error&) {
    return false;
  }
}

}  // namespace caisson::image
