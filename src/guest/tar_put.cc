// SPDX-License-Identifier: Apache-2.0

#include "guest/tar_put.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "guest/tar.h"

namespace caisson::guest {
namespace {

class Unpacker {
 public:
  Unpacker(const PutPlan& plan, int in)
      : plan_(plan),
        root_(base::open_file(plan.folder, O_RDONLY | O_DIRECTORY)),
        reader_([in](std::span<char> into) { return read_fully(in, into); }),
        buffer_(256U << 10) {}

  void run() {
    bool first = true;
    while (const auto entry = reader_.next()) {
      if (std::exchange(first, false) && plan_.top_is_folder && entry->type != TarType::kFolder)
        throw base::Error("cannot copy a file to " + base::in_quotes(plan_.rename + "/") + ": there is no such folder");
      const std::vector<std::string> parts = put_path(entry->path, plan_.rename);
      if (!parts.empty()) make(*entry, parts);
    }
    // Contents change a folder's time, and a folder may be closed to writing: so last, and from the inside out.
    for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) {
      const int parent = parent_of(folder->parts);
      const base::Fd opened(
          ::openat(parent, folder->parts.back().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (opened) finish(opened, folder->entry);
    }
  }

 private:
  struct Folder {
    std::vector<std::string> parts;
    TarEntry entry;
  };

  static bool read_fully(int in, std::span<char> into) {
    while (!into.empty()) {
      const ssize_t got = ::read(in, into.data(), into.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw base::system_error("cannot read", "archive");
      if (got == 0) return false;
      into = into.subspan(static_cast<size_t>(got));
    }
    return true;
  }

  base::Fd open_folder(const std::string& below) {
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    return base::Fd(static_cast<int>(::syscall(SYS_openat2, root_.get(), below.c_str(), &how, sizeof how)));
  }

  // The folder that holds parts.back(); made where it is missing. Kept open: entries of one folder follow each other.
  int parent_of(const std::vector<std::string>& parts) {
    const std::vector<std::string> above(parts.begin(), parts.end() - 1);
    if (above.empty()) return root_.get();
    if (parent_ && above == parent_parts_) return parent_.get();
    base::Fd opened = open_folder(base::join(above, "/"));
    if (!opened && errno == ENOENT) {
      std::string so_far;
      for (const std::string& part : above) {
        so_far += so_far.empty() ? part : "/" + part;
        if (open_folder(so_far)) continue;
        const size_t slash = so_far.rfind('/');
        const base::Fd holder = slash == so_far.npos ? root_.duplicate() : open_folder(so_far.substr(0, slash));
        if (!holder || ::mkdirat(holder.get(), part.c_str(), 0755) != 0 ||
            ::fchownat(holder.get(), part.c_str(), plan_.uid, plan_.gid, AT_SYMLINK_NOFOLLOW) != 0)
          throw base::system_error("cannot make the folder", so_far);
      }
      opened = open_folder(so_far);
    }
    if (!opened) throw base::system_error("cannot enter the folder", base::join(above, "/"));
    parent_ = std::move(opened);
    parent_parts_ = above;
    return parent_.get();
  }

  void make(const TarEntry& entry, const std::vector<std::string>& parts) {
    const int parent = parent_of(parts);
    const char* name = parts.back().c_str();
    const std::string shown = base::join(parts, "/");
    if (entry.type == TarType::kFolder) return folder(parent, entry, parts);
    if (::unlinkat(parent, name, 0) != 0 && errno != ENOENT) {
      if (errno == EISDIR) throw base::Error("cannot replace the folder " + base::in_quotes(shown) + " with a file");
      throw base::system_error("cannot replace", shown);
    }
    bool made = true;
    switch (entry.type) {
      case TarType::kFile:
        return file(parent, entry, parts);
      case TarType::kSymlink:
        made = ::symlinkat(entry.link.c_str(), parent, name) == 0;
        break;
      case TarType::kHardLink:
        return hard_link(entry, parts);
      case TarType::kCharacterDevice:
      case TarType::kBlockDevice:
        made = ::mknodat(parent, name, entry.mode | (entry.type == TarType::kBlockDevice ? S_IFBLK : S_IFCHR),
                         makedev(entry.device_major, entry.device_minor)) == 0;
        break;
      default:
        made = ::mkfifoat(parent, name, entry.mode) == 0;
        break;
    }
    if (!made || ::fchownat(parent, name, plan_.uid, plan_.gid, AT_SYMLINK_NOFOLLOW) != 0)
      throw base::system_error("cannot make", shown);
    set_time(parent, name, entry, AT_SYMLINK_NOFOLLOW);
  }

  // One that exists stays as it is, with its owner and mode.
  void folder(int parent, const TarEntry& entry, const std::vector<std::string>& parts) {
    if (::mkdirat(parent, parts.back().c_str(), 0700) == 0) {
      folders_.push_back({.parts = parts, .entry = entry});
      return;
    }
    const int errnum = errno;
    struct stat info {};
    if (errnum == EEXIST && ::fstatat(parent, parts.back().c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        !S_ISDIR(info.st_mode))
      throw base::Error("cannot copy a folder onto the file " + base::in_quotes(base::join(parts, "/")));
    if (errnum != EEXIST) throw base::system_error("cannot make the folder", base::join(parts, "/"), errnum);
  }

  void file(int parent, const TarEntry& entry, const std::vector<std::string>& parts) {
    const std::string shown = base::join(parts, "/");
    const base::Fd to(
        ::openat(parent, parts.back().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!to) throw base::system_error("cannot make", shown);
    while (const size_t got = reader_.content(buffer_)) base::write_all(to.get(), {buffer_.data(), got}, shown);
    finish(to, entry);
  }

  void hard_link(const TarEntry& entry, const std::vector<std::string>& parts) {
    const std::vector<std::string> target = put_path(entry.link, plan_.rename);
    if (target.empty()) throw base::Error("not a tar archive: a hard link to nothing");
    const base::Fd from_folder(::fcntl(parent_of(target), F_DUPFD_CLOEXEC, 0));
    if (::linkat(from_folder.get(), target.back().c_str(), parent_of(parts), parts.back().c_str(), 0) != 0)
      throw base::system_error("cannot link", base::join(parts, "/"));
  }

  // Owner before mode: changing the owner clears set-user-ID.
  void finish(const base::Fd& made, const TarEntry& entry) {
    if (::fchown(made.get(), plan_.uid, plan_.gid) != 0 || ::fchmod(made.get(), entry.mode) != 0)
      throw base::system_error("cannot set owner and mode of", entry.path);
    const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, {.tv_sec = entry.mtime_s, .tv_nsec = 0}};
    ::futimens(made.get(), times);
  }
  static void set_time(int parent, const char* name, const TarEntry& entry, int flags) {
    const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, {.tv_sec = entry.mtime_s, .tv_nsec = 0}};
    ::utimensat(parent, name, times, flags);
  }

  const PutPlan& plan_;
  base::Fd root_;
  TarReader reader_;
  std::vector<char> buffer_;
  std::vector<Folder> folders_;
  base::Fd parent_;
  std::vector<std::string> parent_parts_;
};

}  // namespace

std::vector<std::string> put_path(std::string_view entry_path, std::string_view rename) {
  const bool top_is_dot = entry_path == "." || entry_path.starts_with("./");
  std::vector<std::string> parts;
  for (std::string& part : base::split(entry_path, '/')) {
    if (part == "..")
      throw base::Error("will not unpack " + base::in_quotes(entry_path) + ": it leads out of its folder");
    if (!part.empty() && part != ".") parts.push_back(std::move(part));
  }
  if (rename.empty()) return parts;
  if (top_is_dot || parts.empty()) {
    parts.insert(parts.begin(), std::string(rename));
  } else {
    parts.front() = rename;
  }
  return parts;
}

void tar_put(const PutPlan& plan, int in) {
  Unpacker(plan, in).run();
}

}  // namespace caisson::guest
