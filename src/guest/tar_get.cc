// SPDX-License-Identifier: Apache-2.0

#include "guest/tar_get.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "guest/announced_content.h"
#include "guest/tar.h"

namespace caisson::guest {
namespace {

// Of a file in one of these, which is held in memory: what has more has no end, as /proc/kcore.
constexpr size_t kMostViewBytes = 16U << 20;

// File systems that are views of the kernel: their files have no size, no end, or no meaning elsewhere.
bool is_kernel_view(int folder) {
  struct statfs info {};
  if (::fstatfs(folder, &info) != 0) return false;
  constexpr decltype(info.f_type) kViews[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC,   CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
                                              DEBUGFS_MAGIC,    TRACEFS_MAGIC, BPF_FS_MAGIC,       DEVPTS_SUPER_MAGIC};
  return std::find(std::begin(kViews), std::end(kViews), info.f_type) != std::end(kViews);
}

class Packer {
 public:
  explicit Packer(int out) : out_(out), buffer_(256U << 10) {}

  void add(int parent, const std::string& name, const std::string& path, bool follow = false) {
    struct stat info {};
    if (::fstatat(parent, name.c_str(), &info, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT && !top_) return;  // removed meanwhile
      throw base::system_error("cannot read", path);
    }
    top_ = false;
    TarEntry entry;
    entry.path = path;
    entry.mode = info.st_mode & 07777U;
    entry.uid = info.st_uid;
    entry.gid = info.st_gid;
    entry.mtime_s = info.st_mtim.tv_sec;
    switch (info.st_mode & S_IFMT) {
      case S_IFREG:
        return file(parent, name, entry, info, follow);
      case S_IFDIR:
        return folder(parent, name, entry, follow);
      case S_IFLNK:
        entry.type = TarType::kSymlink;
        entry.link = link_target(parent, name);
        return header(entry);
      case S_IFIFO:
        entry.type = TarType::kPipe;
        return header(entry);
      case S_IFCHR:
      case S_IFBLK:
        entry.type = S_ISCHR(info.st_mode) ? TarType::kCharacterDevice : TarType::kBlockDevice;
        entry.device_major = major(info.st_rdev);
        entry.device_minor = minor(info.st_rdev);
        return header(entry);
      default:
        return;  // a socket is nothing without its process
    }
  }

  void finish() { write(std::string(2 * kTarBlock, '\0')); }

 private:
  void write(std::string_view bytes) { base::write_all(out_, {bytes.data(), bytes.size()}, "archive"); }
  void header(const TarEntry& entry) { write(encode_tar_header(entry)); }

  static std::string link_target(int parent, const std::string& name) {
    std::string target(4096, '\0');
    const ssize_t got = ::readlinkat(parent, name.c_str(), target.data(), target.size());
    if (got < 0) throw base::system_error("cannot read the link", name);
    target.resize(static_cast<size_t>(got));
    return target;
  }

  void file(int parent, const std::string& name, TarEntry entry, const struct stat& info, bool follow) {
    if (info.st_nlink > 1) {
      const auto [first, is_new] = links_.try_emplace({info.st_dev, info.st_ino}, entry.path);
      if (!is_new) {
        entry.type = TarType::kHardLink;
        entry.link = first->second;
        return header(entry);
      }
    }
    const base::Fd from =
        base::open_file(name, O_RDONLY | O_NOCTTY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW), 0, parent);
    if (is_kernel_view(from.get())) return view_file(from, entry);
    entry.size = static_cast<uint64_t>(info.st_size);
    header(entry);
    read_announced(from, entry.size, entry.path, buffer_, [this](std::string_view bytes) { write(bytes); });
    write(std::string(tar_padding(entry.size), '\0'));
  }

  // The kernel says how long it is when it has been read.
  void view_file(const base::Fd& from, TarEntry entry) {
    const std::string content = base::read_all(from.get(), kMostViewBytes, entry.path);
    entry.size = content.size();
    header(entry);
    write(content);
    write(std::string(tar_padding(entry.size), '\0'));
  }

  void folder(int parent, const std::string& name, TarEntry entry, bool follow) {
    base::Fd opened = base::open_file(name, O_RDONLY | O_DIRECTORY | (follow ? 0 : O_NOFOLLOW), 0, parent);
    entry.type = TarType::kFolder;
    entry.path += '/';
    header(entry);
    if (is_kernel_view(opened.get())) return;
    DIR* listing = ::fdopendir(opened.get());
    if (listing == nullptr) throw base::system_error("cannot list", entry.path);
    (void)opened.release();
    std::vector<std::string> names;
    while (const dirent* item = ::readdir(listing)) {
      const std::string_view item_name = item->d_name;
      if (item_name != "." && item_name != "..") names.emplace_back(item_name);
    }
    std::sort(names.begin(), names.end());
    try {
      for (const std::string& item : names) add(::dirfd(listing), item, entry.path + item);
    } catch (...) {
      ::closedir(listing);
      throw;
    }
    ::closedir(listing);
  }

  int out_;
  std::vector<char> buffer_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
  bool top_ = true;
};

}  // namespace

void tar_get(const std::string& path, bool follow_link, int out) {
  std::string whole = path;
  while (whole.size() > 1 && whole.back() == '/') whole.pop_back();
  const std::string last = whole.substr(whole.rfind('/') + 1);
  const bool is_name = !last.empty() && last != "..";
  Packer packer(out);
  packer.add(AT_FDCWD, whole, is_name ? last : std::string("."), follow_link || path.ends_with('/'));
  packer.finish();
}

}  // namespace caisson::guest
