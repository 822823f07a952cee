// SPDX-License-Identifier: Apache-2.0

#include "sys/mounts.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "base/error.h"
#include "base/text.h"
#include "sys/child_step.h"

namespace caisson::sys {
namespace {

constexpr int kMaxLinkDepth = 8;
constexpr size_t kCopyPart = 1U << 30;
// Where the tmpfs is put before it becomes the root; exists on every host.
constexpr const char* kStage = "/tmp";

std::string link_target(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
  if (length < 0) throw base::system_error("cannot read the link", path);
  return std::string(target, static_cast<size_t>(length));
}

int bind_tree(const char* source, int& tree) {
  tree = static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  // EINVAL: something is mounted below it, and a user namespace may not uncover what that hides: then the whole tree.
  if (tree < 0 && errno == EINVAL)
    tree = static_cast<int>(
        ::syscall(SYS_open_tree, AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  if (tree < 0) return errno;
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  return result_of(
      ::syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes));
}

// sendfile(2) leaves the descriptor's offset alone when it is given one.
int copy_content(int from, int to) {
  off_t offset = 0;
  for (;;) {
    const ssize_t copied = ::sendfile(to, from, &offset, kCopyPart);
    if (copied == 0) return 0;
    if (copied < 0 && errno != EINTR) return errno;
  }
}

int make_copy(const RootPlan::Entry& entry, int root) {
  const int file = ::openat(root, entry.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
  if (file < 0) return errno;
  const int errnum = copy_content(entry.descriptor, file);
  ::close(file);
  return errnum;
}

int make_entry(const RootPlan::Entry& entry, int root, int tree) {
  using Kind = RootPlan::Entry::Kind;
  const char* path = entry.path.c_str();
  if (entry.kind == Kind::kCopy) return make_copy(entry, root);
  if (entry.kind == Kind::kLink) return result_of(::symlinkat(entry.source.c_str(), root, path));
  if (entry.kind == Kind::kBindFile) {
    if (int errnum = result_of(::mknodat(root, path, S_IFREG | 0444, 0))) return errnum;
  } else if (int errnum = result_of(::mkdirat(root, path, 0755))) {
    return errnum;
  }
  if (entry.kind == Kind::kFolder) return 0;
  return result_of(::syscall(SYS_move_mount, tree, "", root, path, MOVE_MOUNT_F_EMPTY_PATH));
}

}  // namespace

RootPlan::RootPlan(const std::vector<std::string>& visible) {
  for (const std::string& path : visible) {
    const std::vector<std::string> parts = base::split(path, '/');
    if (path.empty() || path[0] != '/' || std::find(parts.begin(), parts.end(), "..") != parts.end())
      throw base::Error("cannot show " + base::in_quotes(path) + " in a jail: it is not an absolute path without '..'");
    add(path, 0);
  }
  check_room();
}

void RootPlan::add_copy(const std::string& path, int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) throw base::system_error("cannot look at", path);
  if (!S_ISREG(status.st_mode))
    throw base::Error("cannot copy " + base::in_quotes(path) + " into a jail: it is not a file");
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string folder = path.substr(1, slash - 1);
    if (!has(folder)) entries_.push_back({.kind = Entry::Kind::kFolder, .path = folder, .source = ""});
  }
  entries_.push_back({.kind = Entry::Kind::kCopy, .path = path.substr(1), .source = "", .descriptor = descriptor});
  copied_kibibytes_ += static_cast<uint64_t>(status.st_size) / 1024 + 64;
  check_room();
}

void RootPlan::check_room() {
  if (entries_.size() > kMaxEntries) throw base::Error("a jail's root would have too many entries");
  tmpfs_options_ = "mode=0755,nr_inodes=256,size=" + std::to_string(copied_kibibytes_ + 64) + "k";
}

bool RootPlan::has(const std::string& path) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.path == path; });
}

void RootPlan::add(const std::string& path, int depth) {
  if (depth > kMaxLinkDepth) throw base::Error("too many symbolic links in " + base::in_quotes(path));
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return;
  std::string so_far;
  const std::vector<std::string> parts = base::split(path, '/');
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].empty() || parts[i] == ".") continue;
    const std::string host = so_far + "/" + parts[i];
    const std::string inside = host.substr(1);
    const bool last = i + 1 == parts.size();
    if (::lstat(host.c_str(), &status) != 0) throw base::system_error("cannot look at", host);
    if (S_ISLNK(status.st_mode)) {
      const std::string target = link_target(host);
      if (!has(inside)) entries_.push_back({.kind = Entry::Kind::kLink, .path = inside, .source = target});
      std::string rest;
      for (size_t j = i + 1; j < parts.size(); ++j) rest += "/" + parts[j];
      char resolved[PATH_MAX];
      const std::string beyond = target[0] == '/' ? target : so_far + "/" + target;
      if (::realpath(beyond.c_str(), resolved) == nullptr) throw base::system_error("cannot resolve", beyond);
      add(resolved + rest, depth + 1);
      return;
    }
    if (last && !has(inside)) {
      entries_.push_back({.kind = S_ISDIR(status.st_mode) ? Entry::Kind::kBindFolder : Entry::Kind::kBindFile,
                          .path = inside,
                          .source = host});
    } else if (!last && !has(inside)) {
      entries_.push_back({.kind = Entry::Kind::kFolder, .path = inside, .source = ""});
    } else if (!last) {
      // Already visible as part of a folder that is bound: nothing to make in a read-only place.
      const auto found =
          std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.path == inside; });
      if (found->kind == Entry::Kind::kBindFolder) return;
    }
    so_far = host;
  }
}

int open_root_sources(const RootPlan& plan, RootSources& sources) {
  // First nothing that is mounted here may reach the host, or the other way round.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return errno;
  for (size_t i = 0; i < plan.entries().size(); ++i) {
    const RootPlan::Entry& entry = plan.entries()[i];
    sources.trees[i] = -1;
    using Kind = RootPlan::Entry::Kind;
    if (entry.kind != Kind::kBindFile && entry.kind != Kind::kBindFolder) continue;
    if (int errnum = bind_tree(entry.source.c_str(), sources.trees[i])) return errnum;
  }
  return 0;
}

int enter_root(const RootPlan& plan, RootSources& sources) {
  constexpr unsigned long kFlags = MS_NOSUID | MS_NODEV;
  if (::mount("tmpfs", kStage, "tmpfs", kFlags, plan.tmpfs_options().c_str()) != 0) return errno;
  const int root = ::open(kStage, O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return errno;
  for (size_t i = 0; i < plan.entries().size(); ++i) {
    if (int errnum = make_entry(plan.entries()[i], root, sources.trees[i])) return errnum;
    if (sources.trees[i] >= 0) ::close(sources.trees[i]);
  }
  if (::fchdir(root) != 0) return errno;
  ::close(root);
  // pivot_root(2), "pivot_root(".", ".")": the old root ends up on top of the new one and is then detached.
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return errno;
  if (::umount2(".", MNT_DETACH) != 0) return errno;
  if (::chdir("/") != 0) return errno;
  return result_of(::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | kFlags, nullptr));
}

}  // namespace caisson::sys
