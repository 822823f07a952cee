// SPDX-License-Identifier: Apache-2.0

#include "changes/host_root.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/beneath.h"
#include "base/error.h"
#include "base/folder_names.h"
#include "base/text.h"

namespace caisson::changes {
namespace {

using base::Error;

int64_t nanoseconds(const timespec& time) {
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

// Of a path whose parents are gone, are no folders, or are links now.
bool means_nothing_there(int errnum) {
  return errnum == ENOENT || errnum == ENOTDIR || errnum == ELOOP || errnum == EXDEV;
}

}  // namespace

HostFile host_file(const struct stat& info) {
  HostFile file;
  switch (info.st_mode & S_IFMT) {
    case S_IFDIR:
      file.type = FileType::kFolder;
      break;
    case S_IFREG:
      file.type = FileType::kFile;
      break;
    case S_IFLNK:
      file.type = FileType::kSymlink;
      break;
    default:
      file.type = FileType::kOther;
  }
  file.mode = info.st_mode & 07777U;
  file.size = file.type == FileType::kFile ? static_cast<uint64_t>(info.st_size) : 0;
  file.mtime_ns = nanoseconds(info.st_mtim);
  file.ctime_ns = nanoseconds(info.st_ctim);
  file.device = info.st_dev;
  file.inode = info.st_ino;
  file.uid = info.st_uid;
  file.gid = info.st_gid;
  file.links = info.st_nlink;
  return file;
}

bool is_same_state(const HostFile& now, const HostFile& then) {
  if (now.type != then.type || now.device != then.device || now.inode != then.inode) return false;
  if (now.type == FileType::kFolder) return true;
  return now.size == then.size && now.mtime_ns == then.mtime_ns && now.ctime_ns == then.ctime_ns;
}

std::string_view parent_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool is_below(std::string_view path, std::string_view folder) {
  return folder.empty() || (path.size() > folder.size() && path[folder.size()] == '/' && path.starts_with(folder));
}

HostRoot::HostRoot(const std::string& path) : path_(path), fd_(base::open_without_links(path, O_PATH | O_DIRECTORY)) {
  if (fd_) return;
  if (errno == ELOOP)
    throw Error("a symbolic link stands in the way to " + base::in_quotes(path),
                "it was none when the sandbox was made; put the folder back", ELOOP);
  if (errno == ENOENT || errno == ENOTDIR)
    throw Error("the folder " + base::in_quotes(path) + " is not there any more",
                "if it was moved or renamed, move it back to that place", errno);
  throw base::system_error("cannot open", path);
}

HostFile HostRoot::look(const std::string& path) const {
  const base::Fd parent = folder(std::string(parent_of(path)));
  if (!parent) return {};
  struct stat info {};
  const std::string name(path.empty() ? "." : name_of(path));
  if (::fstatat(parent.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return host_file(info);
  if (means_nothing_there(errno)) return {};
  throw base::system_error("cannot look at", path_ + "/" + path);
}

base::Fd HostRoot::folder(const std::string& path) const {
  base::Fd opened = base::open_beneath(fd_.get(), path, O_PATH | O_DIRECTORY);
  if (!opened && !means_nothing_there(errno)) throw base::system_error("cannot open the folder", path_ + "/" + path);
  return opened;
}

base::Fd HostRoot::folder_to_list(const std::string& path) const {
  return base::open_beneath(fd_.get(), path, O_RDONLY | O_DIRECTORY);
}

base::Fd HostRoot::open(const std::string& path) const {
  base::Fd opened = base::open_beneath(fd_.get(), path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!opened) {
    if (means_nothing_there(errno) || errno == ENXIO) return {};
    throw base::system_error("cannot open", path_ + "/" + path);
  }
  struct stat info {};
  if (::fstat(opened.get(), &info) != 0) throw base::system_error("cannot look at", path_ + "/" + path);
  return S_ISREG(info.st_mode) ? std::move(opened) : base::Fd();
}

std::optional<std::string> HostRoot::link_target(const std::string& path) const {
  const base::Fd parent = folder(std::string(parent_of(path)));
  if (!parent) return std::nullopt;
  std::string target(4096, '\0');
  const std::string name(name_of(path));
  const ssize_t got = ::readlinkat(parent.get(), name.c_str(), target.data(), target.size());
  if (got < 0) {
    if (means_nothing_there(errno) || errno == EINVAL) return std::nullopt;
    throw base::system_error("cannot read the link", path_ + "/" + path);
  }
  target.resize(static_cast<size_t>(got));
  return target;
}

std::vector<std::string> HostRoot::names(const std::string& path, size_t most) const {
  const base::Fd opened = folder_to_list(path);
  if (!opened) {
    if (means_nothing_there(errno)) return {};
    throw base::system_error("cannot list", path_ + "/" + path);
  }
  return names_in(opened, most, path_ + "/" + path);
}

std::vector<std::string> names_in(const base::Fd& folder, size_t most, std::string_view name) {
  // A descriptor of its own: the place in the listing is the open file's.
  base::Fd own(::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!own) throw base::system_error("cannot list", name);
  return base::folder_names(std::move(own), name, most);
}

}  // namespace caisson::changes
