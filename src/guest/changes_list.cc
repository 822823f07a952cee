// SPDX-License-Identifier: Apache-2.0

#include "guest/changes_list.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "guest/announced_content.h"
#include "link/change_format.h"

namespace caisson::guest {
namespace {

using link::ChangeKind;
using link::ChangeRecord;

constexpr size_t kBufferBytes = 256U << 10;

class Lister {
 public:
  Lister(int out, const ChangesOptions& options)
      : out_(out), content_(options.content), layers_(options.attributes), buffer_(kBufferBytes) {}

  void list(const base::Fd& folder, const std::string& path, const Lower& lower) {
    for (const std::string& name : names_in(folder, path)) {
      entry(folder, name, path.empty() ? name : path + "/" + name, lower);
    }
  }
  void end(const std::string& error) {
    ChangeRecord record;
    record.target = error.substr(0, 2048);
    link::encode_change(record, pending_);
    flush();
  }

 private:
  void entry(const base::Fd& parent, const std::string& name, const std::string& path, const Lower& lower) {
    struct stat info {};
    if (::fstatat(parent.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return;
      throw base::system_error("cannot read", path);
    }
    if (!link::flaw_of_path(path).empty())
      throw base::Error("the path of " + base::in_quotes(path.substr(0, 200)) + " is too long");
    if (++records_ > link::kMostChangeRecords)
      throw base::Error("there are more than " + std::to_string(link::kMostChangeRecords) + " changes");
    ChangeRecord record;
    record.path = path;
    record.mtime_ns = info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec;
    switch (info.st_mode & S_IFMT) {
      case S_IFDIR:
        return folder(parent, name, std::move(record), lower);
      case S_IFREG:
        return file(parent, name, std::move(record));
      case S_IFLNK:
        return symlink(parent, name, std::move(record));
      default: {
        record.mtime_ns = 0;
        record.kind = is_whiteout(info) ? ChangeKind::kRemoved : ChangeKind::kLeftOut;
        return add(record);
      }
    }
  }

  void folder(const base::Fd& parent, const std::string& name, ChangeRecord record, const Lower& lower) {
    const base::Fd opened = open_folder(parent, name);
    struct stat info {};
    if (!opened || ::fstat(opened.get(), &info) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) return;
      throw base::system_error("cannot read", record.path);
    }
    record.kind = ChangeKind::kFolder;
    record.mode = info.st_mode & 0777U;
    const FolderBelow below = layers_.below(opened, name, lower);
    record.opaque = below.opaque;
    record.target = below.renamed_from;
    add(record);
    list(opened, record.path, below.lower);
  }

  void file(const base::Fd& parent, const std::string& name, ChangeRecord record) {
    const base::Fd opened(::openat(parent.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat info {};
    if (!opened || ::fstat(opened.get(), &info) != 0 || !S_ISREG(info.st_mode)) return;  // another thing meanwhile
    record.kind = ChangeKind::kFile;
    record.mode = info.st_mode & 0777U;
    record.real_size = static_cast<uint64_t>(info.st_size);
    record.size = content_ ? record.real_size : 0;
    add(record);
    if (!content_) return;
    read_announced(opened, record.size, record.path, buffer_, [this](std::string_view bytes) { write(bytes); });
  }

  void symlink(const base::Fd& parent, const std::string& name, ChangeRecord record) {
    record.target.resize(4096);
    const ssize_t got = ::readlinkat(parent.get(), name.c_str(), record.target.data(), record.target.size());
    if (got <= 0 || static_cast<size_t>(got) == record.target.size()) return;
    record.target.resize(static_cast<size_t>(got));
    record.kind = ChangeKind::kSymlink;
    add(record);
  }

  void add(const ChangeRecord& record) {
    link::encode_change(record, pending_);
    if (pending_.size() >= kBufferBytes) flush();
  }
  void write(std::string_view bytes) {
    pending_ += bytes;
    if (pending_.size() >= kBufferBytes) flush();
  }
  void flush() {
    base::write_all(out_, pending_, "link");
    pending_.clear();
  }

  int out_;
  bool content_;
  OverlayLayers layers_;
  std::string pending_;
  std::vector<char> buffer_;
  size_t records_ = 0;
};

}  // namespace

void list_changes(const base::Fd& upper, int out, const ChangesOptions& options) {
  allow_many_files();
  Lister lister(out, options);
  std::string error;
  try {
    lister.list(upper, "", Lower(""));
  } catch (const base::Error& failed) {
    error = failed.what();
  }
  lister.end(error);
}

bool has_entries(const base::Fd& folder) {
  base::Fd own(::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(own ? ::fdopendir(own.get()) : nullptr, ::closedir);
  if (listing == nullptr) return true;
  (void)own.release();
  while (const dirent* item = ::readdir(listing.get())) {
    const std::string_view name = item->d_name;
    if (name != "." && name != "..") return true;
  }
  return false;
}

}  // namespace caisson::guest
