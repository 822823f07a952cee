// SPDX-License-Identifier: Apache-2.0

// The order is forced: proc, sys and dev before modules (they report through them), modules before disks, disks before
// the root, the root before anything that is seen from inside it. The initramfs stays mounted below the new root, where
// the user cannot reach it, and init's own file stays in it.

#include "guest/boot.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "guest/files.h"
#include "guest/network.h"
#include "guest/trust.h"

namespace caisson::guest {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLower = "/lower";  // the image
constexpr const char* kDisk = "/disk";    // the writable disk: /upper, /work, /docker
constexpr const char* kRoot = "/root";    // where the two are put together, before it becomes /
constexpr rlim_t kOpenFiles = 1U << 20;

struct Mount {
  const char* source;
  const char* target;
  const char* type;
  unsigned long flags;
  const char* options;
};

void mount_one(const Mount& what) {
  ::mkdir(what.target, 0755);
  if (::mount(what.source, what.target, what.type, what.flags, what.options) != 0)
    throw base::system_error("cannot mount", what.target);
}

void mount_kernel_file_systems() {
  mount_one({"proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr});
  mount_one({"sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr});
  mount_one({"devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755"});
}

// A module that this kernel will not take (one device driver of many) is not the end: what is needed shows when it is
// used.
void load_modules() {
  for (const std::string& name : base::split(base::read_file("/modules/order"), '\n')) {
    if (name.empty()) continue;
    const std::string path = "/modules/" + name;
    const base::Fd module = base::open_file(path, O_RDONLY);
    if (::syscall(SYS_finit_module, module.get(), "", 0) != 0 && errno != EEXIST && errno != ENODEV)
      ::dprintf(2, "caisson-init: cannot load %s: errno %d\n", path.c_str(), errno);
    ::unlink(path.c_str());  // its memory is the sandbox's
  }
}

// The image's disk is the one that is read-only for the machine itself; names follow the order of probing and say
// nothing.
std::string find_disk(bool read_only) {
  for (const auto& entry : fs::directory_iterator("/sys/block")) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("vd")) continue;
    if (base::trimmed(base::read_file(entry.path().string() + "/ro")) == (read_only ? "1" : "0")) return "/dev/" + name;
  }
  throw base::Error(read_only ? "cannot find the image's disk" : "cannot find the writable disk");
}

void mount_root() {
  mount_one({find_disk(true).c_str(), kLower, "erofs", MS_RDONLY | MS_NOATIME, nullptr});
  mount_one({find_disk(false).c_str(), kDisk, "ext4", MS_NOATIME, nullptr});
  ::mkdir("/disk/upper", 0755);
  ::mkdir("/disk/work", 0700);
  ::mkdir("/disk/docker", 0710);
  mount_one({"overlay", kRoot, "overlay", MS_NOATIME, "lowerdir=/lower,upperdir=/disk/upper,workdir=/disk/work"});
}

// switch_root(8) in three calls: a pivot_root is not possible from the first root file system.
void switch_root() {
  for (const char* name : {"proc", "sys", "dev"}) {
    const std::string from = std::string("/") + name;
    const std::string to = kRoot + from;
    ::mkdir(to.c_str(), 0755);
    if (::mount(from.c_str(), to.c_str(), nullptr, MS_MOVE, nullptr) != 0)
      throw base::system_error("cannot move", from);
  }
  if (::chdir(kRoot) != 0 || ::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || ::chroot(".") != 0 ||
      ::chdir("/") != 0)
    throw base::system_error("cannot make the root of", kRoot);
  // As systemd does: a volume with shared propagation then works in a container.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SHARED, nullptr) != 0) throw base::system_error("cannot share", "/");
}

void mount_runtime_file_systems(const base::Fd& disk) {
  ::umask(0);
  mount_one({"tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=25%"});
  mount_one({"tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777"});
  mount_one({"devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666"});
  mount_one({"mqueue", "/dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr});
  mount_one({"cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, "nsdelegate"});
  ::mkdir("/run/lock", 01777);
  // The engine's files are on the disk itself: an overlay cannot be the upper layer of another.
  const std::string docker = "/proc/self/fd/" + std::to_string(disk.get()) + "/docker";
  ::mkdir("/var", 0755);
  ::mkdir("/var/lib", 0755);
  mount_one({docker.c_str(), "/var/lib/docker", nullptr, MS_BIND, nullptr});
}

void make_device_links() {
  constexpr std::pair<const char*, const char*> kLinks[] = {{"/proc/self/fd", "/dev/fd"},
                                                            {"/proc/self/fd/0", "/dev/stdin"},
                                                            {"/proc/self/fd/1", "/dev/stdout"},
                                                            {"/proc/self/fd/2", "/dev/stderr"}};
  for (const auto& [target, link] : kLinks) {
    if (::symlink(target, link) != 0 && errno != EEXIST) throw base::system_error("cannot make", link);
  }
  for (const char* open_to_all : {"/dev/fuse", "/dev/net/tun"}) ::chmod(open_to_all, 0666);
}

void raise_limits() {
  const rlimit files{.rlim_cur = kOpenFiles, .rlim_max = kOpenFiles};
  if (::setrlimit(RLIMIT_NOFILE, &files) != 0) throw base::system_error("cannot raise the limit of", "open files");
}

}  // namespace

void boot(Guest& guest) {
  mount_kernel_file_systems();
  load_modules();
  mount_root();
  base::Fd disk = base::open_file(kDisk, O_PATH | O_DIRECTORY);
  switch_root();
  mount_runtime_file_systems(disk);
  make_device_links();
  ::umask(022);
  raise_limits();
  guest.anchors = open_anchors();
  guest.anchors.disk = std::move(disk);
  guest.cgroups = Cgroups::make("/sys/fs/cgroup");
  if (!write_small(guest.anchors.proc, "self/oom_score_adj", "-1000"))
    throw base::system_error("cannot protect", "init");
  // An image may have next to nothing in it.
  ::mkdir("/etc", 0755);
  if (::mkdir("/tmp", 01777) == 0) ::chmod("/tmp", 01777);
  set_up_network();
  prepare_trust();
  guest.owns_machine = true;
}

base::Fd open_link_port() {
  for (const auto& entry : fs::directory_iterator("/sys/class/virtio-ports")) {
    const auto name = base::read_file_if_exists(entry.path().string() + "/name");
    if (name && base::trimmed(*name) == "caisson.link")
      return base::open_file("/dev/" + entry.path().filename().string(), O_RDWR | O_NONBLOCK);
  }
  throw base::Error("cannot find the virtio port 'caisson.link'");
}

}  // namespace caisson::guest
