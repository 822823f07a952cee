// SPDX-License-Identifier: Apache-2.0

#include "cli/archive_pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fts.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <map>
#include <memory>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

namespace caisson::cli {
namespace {

constexpr size_t kChunkBytes = 256U << 10;
constexpr size_t kMostUnsizedBytes = 16U << 20;

struct WriterEnd {
  void operator()(archive* writer) const { archive_write_free(writer); }
};
struct EntryEnd {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};
struct WalkEnd {
  void operator()(FTS* walk) const { fts_close(walk); }
};

class Packer {
 public:
  explicit Packer(const PackOptions& options)
      : options_(options), writer_(archive_write_new()), buffer_(std::make_unique<std::array<char, kChunkBytes>>()) {
    archive_write_set_format_pax_restricted(writer_.get());
    archive_write_add_filter_none(writer_.get());
    archive_write_set_bytes_per_block(writer_.get(), static_cast<int>(kChunkBytes));
    archive_write_set_bytes_in_last_block(writer_.get(), 1);
    check(archive_write_open_fd(writer_.get(), options.output));
  }

  std::vector<std::string> run() {
    std::string path = options_.path;
    char* const roots[] = {path.data(), nullptr};
    const int follow = follows_top(options_) ? FTS_COMFOLLOW : 0;
    const std::unique_ptr<FTS, WalkEnd> walk(fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | follow, nullptr));
    if (!walk) throw base::system_error("cannot read", path);
    errno = 0;
    while (const FTSENT* found = fts_read(walk.get())) take(*found);
    if (errno != 0) throw base::system_error("cannot read", path);
    check(archive_write_close(writer_.get()));
    return std::move(left_out_);
  }

 private:
  void check(int result) const {
    if (result == ARCHIVE_OK || result == ARCHIVE_WARN) return;
    const int number = archive_errno(writer_.get());
    if (number == EPIPE) throw base::Error("the sandbox stopped taking the copy");
    const char* text = archive_error_string(writer_.get());
    throw base::Error(std::string("cannot write the copy: ") + (text == nullptr ? "unknown reason" : text), {}, number);
  }

  std::string name_of(const FTSENT& found) const {
    // fts_path begins with the root as it was given.
    std::string_view below = std::string_view(found.fts_path, found.fts_pathlen).substr(options_.path.size());
    while (below.starts_with('/')) below.remove_prefix(1);
    return below.empty() ? options_.name : options_.name + "/" + std::string(below);
  }

  void take(const FTSENT& found) {
    switch (found.fts_info) {
      case FTS_DP:
        return;
      case FTS_DNR:
      case FTS_ERR:
      case FTS_NS:
        throw base::system_error("cannot read", found.fts_path, found.fts_errno);
      case FTS_DC:
        throw base::Error("cannot copy " + base::in_quotes(found.fts_path) + ": the folder contains itself");
      default:
        break;
    }
    const struct stat& status = *found.fts_statp;
    if (S_ISDIR(status.st_mode) || S_ISLNK(status.st_mode) || S_ISREG(status.st_mode)) return write(found);
    const std::string why = base::in_quotes(found.fts_path) + " is no file, folder or link";
    if (found.fts_level == FTS_ROOTLEVEL) throw base::Error("cannot copy: " + why);
    left_out_.push_back(why);
  }

  void write(const FTSENT& found) {
    const struct stat& status = *found.fts_statp;
    const std::string name = name_of(found);
    const std::unique_ptr<archive_entry, EntryEnd> entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_filetype(entry.get(), status.st_mode & S_IFMT);
    archive_entry_set_perm(entry.get(), status.st_mode & 0777);
    archive_entry_set_mtime(entry.get(), status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    archive_entry_set_size(entry.get(), 0);
    if (S_ISLNK(status.st_mode)) {
      archive_entry_set_symlink(entry.get(), link_target(found).c_str());
    } else if (S_ISREG(status.st_mode) && !is_second_name(found, name, entry.get())) {
      return write_file(found, entry.get());
    }
    check(archive_write_header(writer_.get(), entry.get()));
  }

  static std::string link_target(const FTSENT& found) {
    std::array<char, PATH_MAX> target{};
    const ssize_t length = readlink(found.fts_accpath, target.data(), target.size());
    if (length < 0) throw base::system_error("cannot read", found.fts_path);
    return {target.data(), static_cast<size_t>(length)};
  }

  bool is_second_name(const FTSENT& found, const std::string& name, archive_entry* entry) {
    if (found.fts_statp->st_nlink < 2) return false;
    const auto [first, added] = names_.try_emplace({found.fts_statp->st_dev, found.fts_statp->st_ino}, name);
    if (added) return false;
    archive_entry_set_hardlink(entry, first->second.c_str());
    return true;
  }

  void write_file(const FTSENT& found, archive_entry* entry) {
    const int no_follow = found.fts_level == FTS_ROOTLEVEL && options_.follow_link ? 0 : O_NOFOLLOW;
    const base::Fd file = base::open_file(found.fts_accpath, O_RDONLY | O_NONBLOCK | no_follow);
    struct stat status {};
    if (fstat(file.get(), &status) != 0) throw base::system_error("cannot read", found.fts_path);
    if (!S_ISREG(status.st_mode)) throw base::Error(base::in_quotes(found.fts_path) + " changed while it was copied");
    // Files of the kernel's (/proc) say how long they are when they have been read.
    if (status.st_size == 0) return write_content(base::read_all(file.get(), kMostUnsizedBytes, found.fts_path), entry);
    archive_entry_set_size(entry, status.st_size);
    check(archive_write_header(writer_.get(), entry));
    for (int64_t left = status.st_size; left > 0;) {
      const ssize_t count = read(file.get(), buffer_->data(),
                                 static_cast<size_t>(std::min<int64_t>(left, static_cast<int64_t>(kChunkBytes))));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw base::system_error("cannot read", found.fts_path);
      if (count == 0) throw base::Error(base::in_quotes(found.fts_path) + " became shorter while it was copied");
      if (archive_write_data(writer_.get(), buffer_->data(), static_cast<size_t>(count)) < 0) check(ARCHIVE_FATAL);
      left -= count;
    }
  }

  void write_content(const std::string& content, archive_entry* entry) {
    archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    check(archive_write_header(writer_.get(), entry));
    if (!content.empty() && archive_write_data(writer_.get(), content.data(), content.size()) < 0) check(ARCHIVE_FATAL);
  }

  const PackOptions& options_;
  std::unique_ptr<archive, WriterEnd> writer_;
  std::unique_ptr<std::array<char, kChunkBytes>> buffer_;
  std::map<std::pair<dev_t, ino_t>, std::string> names_;  // of files with more than one name: the first that was packed
  std::vector<std::string> left_out_;
};

}  // namespace

bool follows_top(const PackOptions& options) {
  return options.follow_link || options.name == ".";
}

std::vector<std::string> pack(const PackOptions& options) {
  return Packer(options).run();
}

}  // namespace caisson::cli
