// SPDX-License-Identifier: Apache-2.0

// The mount calls of fsopen(2) and its kin, by descriptor: no path that the sandbox's root could have bent is followed
// but the target's own.

#include "guest/workspace_mounts.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "guest/users.h"

// <sys/mount.h> cannot be included beside <linux/mount.h>.
extern "C" int umount2(const char* target, int flags) noexcept;

namespace caisson::guest {
namespace {

constexpr int kForce = 1;  // MNT_FORCE of umount2(2)
constexpr unsigned kAttributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

// A file system that is being configured.
class Context {
 public:
  explicit Context(const char* type) : type_(type), fd_(static_cast<int>(::syscall(SYS_fsopen, type, FSOPEN_CLOEXEC))) {
    if (!fd_) throw base::system_error("cannot make a file system of type", type);
  }
  void text(const char* key, const std::string& value) { call(FSCONFIG_SET_STRING, key, value.c_str()); }
  void flag(const char* key) { call(FSCONFIG_SET_FLAG, key, nullptr); }
  base::Fd create() && {
    call(FSCONFIG_CMD_CREATE, nullptr, nullptr);
    return std::move(fd_);
  }

 private:
  void call(unsigned command, const char* key, const char* value) {
    if (::syscall(SYS_fsconfig, fd_.get(), command, key, value, 0) == 0) return;
    const int errnum = errno;
    throw base::system_error("cannot make a file system of type", type_, errnum, reason());
  }
  // The kernel's own words: "e overlay: …" (fsopen(2) reads as a log).
  std::string reason() const {
    char line[512];
    const ssize_t got = ::read(fd_.get(), line, sizeof line);
    return got > 2 ? base::escaped(base::trimmed(std::string_view(line + 2, static_cast<size_t>(got) - 2))) : "";
  }

  const char* type_;
  base::Fd fd_;
};

base::Fd mount_of(const base::Fd& context, unsigned attributes) {
  base::Fd mount(static_cast<int>(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, attributes)));
  if (!mount) throw base::system_error("cannot make a mount of", "workspace");
  return mount;
}

void attach(const base::Fd& mount, const base::Fd& place, const std::string& name) {
  if (::syscall(SYS_move_mount, mount.get(), "", place.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) !=
      0)
    throw base::system_error("cannot mount the workspace at", name);
}

// Drops what is cached of names: the first thing that a reconfiguration does (reconfigure_super() calls
// shrink_dcache_sb()). Nothing else changes.
void reconfigure(const base::Fd& mount) {
  if (!mount) return;
  const base::Fd context(static_cast<int>(::syscall(SYS_fspick, mount.get(), "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC)));
  if (context) ::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0);
}

std::string path_of(const base::Fd& fd) {
  return "/proc/self/fd/" + std::to_string(fd.get());
}

// A folder below `parent` that is ours; whether it is new.
struct OwnFolder {
  base::Fd fd;
  bool made = false;
};
OwnFolder own_folder(const base::Fd& parent, const char* name) {
  OwnFolder folder;
  folder.made = ::mkdirat(parent.get(), name, 0700) == 0;
  if (!folder.made && errno != EEXIST) throw base::system_error("cannot make the folder", name);
  folder.fd = base::open_file(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, parent.get());
  return folder;
}

struct stat status_of(const base::Fd& fd, const std::string& name) {
  struct stat info {};
  if (::fstatat(fd.get(), "", &info, AT_EMPTY_PATH) != 0) throw base::system_error("cannot look at", name);
  return info;
}

// The way to a target: its folders, made where they are missing.
class Way {
 public:
  Way(const Anchors& anchors, const std::string& target)
      : target_(target), agent_(find_user("")), at_(anchors.root.duplicate()) {}

  base::Fd walk(bool to_file) && {
    const std::vector<std::string> names = base::split(std::string_view(target_).substr(1), '/');
    for (size_t i = 0; i < names.size(); ++i) {
      const bool last = i + 1 == names.size();
      if (last && to_file) return file(names[i]);
      at_ = folder(names[i], last);
    }
    return std::move(at_);
  }

 private:
  base::Fd folder(const std::string& name, bool last) {
    base::Fd found(::openat(at_.get(), name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!found && errno == ENOENT) {
      if (::mkdirat(at_.get(), name.c_str(), 0755) != 0)
        throw base::system_error("cannot make the folders of", target_);
      give(name);
      return base::open_file(name, O_PATH | O_DIRECTORY, 0, at_.get());
    }
    if (!found) throw base::system_error("cannot mount the workspace at", target_);
    if (!last) make_passable(found, name);
    return found;
  }
  base::Fd file(const std::string& name) {
    const base::Fd made(::openat(at_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!made && errno != EEXIST) throw base::system_error("cannot make", target_);
    if (made) give(name);
    base::Fd found = base::open_file(name, O_PATH, 0, at_.get());
    if (S_ISDIR(status_of(found, target_).st_mode)) throw base::system_error("cannot mount a file at", target_, EISDIR);
    return found;
  }
  void give(const std::string& name) {
    if (::fchownat(at_.get(), name.c_str(), agent_.uid, agent_.gid, AT_SYMLINK_NOFOLLOW) != 0)
      throw base::system_error("cannot give away", target_);
  }
  // A workspace of the host's root may lie in /root, where the sandbox's own root lets nobody pass.
  void make_passable(const base::Fd& found, const std::string& name) {
    const struct stat info = status_of(found, target_);
    if ((info.st_mode & S_IXOTH) != 0 || info.st_uid == agent_.uid) return;
    if (::fchmodat(at_.get(), name.c_str(), (info.st_mode & 07777U) | 0111U, 0) != 0)
      throw base::system_error("cannot make the way passable to", target_);
  }

  const std::string& target_;
  const User agent_;
  base::Fd at_;
};

// The overlay's root looks as its upper layer does, which is to look as the workspace.
void give_looks(const OverlayMounts& made, const struct stat& root) {
  const struct stat now = status_of(made.overlay, "workspace");
  const mode_t mode = root.st_mode & 0777U;
  if ((now.st_uid != root.st_uid || now.st_gid != root.st_gid) &&
      ::fchownat(made.overlay.get(), "", root.st_uid, root.st_gid, AT_EMPTY_PATH) != 0)
    throw base::system_error("cannot set the owner of", "the workspace's upper layer");
  if ((now.st_mode & 07777U) != mode && ::chmod(path_of(made.overlay).c_str(), mode) != 0)
    throw base::system_error("cannot set the mode of", "the workspace's upper layer");
}

// `share` is in its place.
base::Fd make_overlay(const base::Fd& share, const base::Fd& upper, const base::Fd& work) {
  Context overlay("overlay");
  overlay.text("source", "caisson");
  overlay.text("lowerdir", path_of(share));
  overlay.text("upperdir", path_of(upper));
  overlay.text("workdir", path_of(work));
  // A folder that is renamed is recorded as such; a file that is changed is copied whole, so that the upper layer holds
  // every change and nothing else.
  overlay.text("redirect_dir", "on");
  overlay.text("metacopy", "off");
  overlay.text("index", "off");
  overlay.text("xino", "auto");
  const base::Fd context = std::move(overlay).create();
  return mount_of(context, kAttributes);
}

}  // namespace

FuseFileSystem make_fuse_file_system(bool file) {
  FuseFileSystem made;
  made.device = base::open_file("/dev/fuse", O_RDWR | O_NONBLOCK);
  Context fuse("fuse");
  fuse.text("source", "caisson");
  fuse.text("fd", std::to_string(made.device.get()));
  fuse.text("rootmode", file ? "100000" : "40000");
  fuse.text("user_id", "0");
  fuse.text("group_id", "0");
  fuse.flag("default_permissions");
  fuse.flag("allow_other");
  made.context = std::move(fuse).create();
  return made;
}

base::Fd open_workspace_folder(const Anchors& anchors, uint32_t id) {
  if (!anchors.disk) throw base::Error("this sandbox has no disk of its own for workspaces");
  const OwnFolder all = own_folder(anchors.disk, "workspaces");
  return own_folder(all.fd, std::to_string(id).c_str()).fd;
}

void mount_workspace(const Anchors& anchors, const base::Fd& context, const link::Mount& what, Mounted& into) {
  if (what.mode == link::Mount::Mode::kOverlay)
    return mount_overlay(anchors, make_overlay_mounts(anchors, context, what.id), what, into);
  const base::Fd target = Way(anchors, what.target).walk(what.file);
  const bool writes = what.mode == link::Mount::Mode::kReadWrite;
  base::Fd share = mount_of(context, kAttributes | (writes ? 0U : MOUNT_ATTR_RDONLY));
  status_of(share, what.target);  // its server answers
  attach(share, target, what.target);
  into.set(std::move(share), base::Fd());
}

OverlayMounts make_overlay_mounts(const Anchors& anchors, const base::Fd& context, uint32_t id) {
  OverlayMounts made;
  const base::Fd folder = open_workspace_folder(anchors, id);
  made.share = mount_of(context, kAttributes | MOUNT_ATTR_RDONLY);
  attach(made.share, own_folder(folder, "share").fd, "its lower layer's place");
  const OwnFolder upper = own_folder(folder, "upper");
  made.fresh = upper.made;
  made.overlay = make_overlay(made.share, upper.fd, own_folder(folder, "work").fd);
  return made;
}

void mount_overlay(const Anchors& anchors, OverlayMounts made, const link::Mount& what, Mounted& into) {
  const base::Fd target = Way(anchors, what.target).walk(false);
  const struct stat root = status_of(made.share, what.target);  // its server answers
  if (made.fresh) give_looks(made, root);
  attach(made.overlay, target, what.target);
  into.set(std::move(made.share), std::move(made.overlay));
}

base::Fd Mounted::share() const {
  const std::lock_guard lock(mutex_);
  return share_ ? share_.duplicate() : base::Fd();
}

base::Fd Mounted::overlay() const {
  const std::lock_guard lock(mutex_);
  return overlay_ ? overlay_.duplicate() : base::Fd();
}

void Mounted::set(base::Fd share, base::Fd overlay) {
  const std::lock_guard lock(mutex_);
  share_ = std::move(share);
  overlay_ = std::move(overlay);
}

void Mounted::forget_names() {
  reconfigure(overlay());
}

void Mounted::forget_all() {
  reconfigure(share());
  reconfigure(overlay());
}

// fuse_umount_begin() ends the connection. The mount stays: this object's descriptor is in it.
void Mounted::disconnect() {
  if (const base::Fd mount = share()) ::umount2(path_of(mount).c_str(), kForce);
}

}  // namespace caisson::guest
