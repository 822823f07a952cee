// SPDX-License-Identifier: Apache-2.0

#include "cli/archive_unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/fd.h"
#include "base/random.h"
#include "base/scope.h"
#include "base/text.h"
#include "cli/archive_end.h"

namespace caisson::cli {
namespace {

using base::Error;
using base::in_quotes;

constexpr size_t kMaxPathBytes = 4096;    // PATH_MAX: no longer one can be opened anyway
constexpr size_t kMaxFolders = 1U << 20;  // whose modes and times are kept until the end
constexpr size_t kMaxLeftOut = 100;       // reported by name
constexpr size_t kReadBytes = 256U << 10;

struct ReaderEnd {
  void operator()(archive* reader) const { archive_read_free(reader); }
};

// The parts of an entry's name without "." and doubled slashes. Throws for what no honest archive of ours has.
std::vector<std::string> parts_of(std::string_view name) {
  if (name.empty() || name.size() > kMaxPathBytes || name[0] == '/') {
    throw Error("refused the name " + in_quotes(name.substr(0, 200)) + " in the copy");
  }
  std::vector<std::string> parts;
  for (std::string& part : base::split(name, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") throw Error("refused the name " + in_quotes(name.substr(0, 200)) + " in the copy");
    parts.push_back(std::move(part));
  }
  return parts;
}

struct Place {
  std::string folder;  // below the target's folder; "" = itself
  std::string name;    // in it; "" for the target's folder itself
  std::string path() const { return folder.empty() ? name : folder + "/" + name; }
};

struct Folder {
  std::string path;
  mode_t mode;
  timespec changed;
};

class Unpacker {
 public:
  explicit Unpacker(UnpackOptions options)
      : options_(std::move(options)), reader_(archive_read_new()), umask_(umask(0)) {
    umask(umask_);
    archive_read_support_format_tar(reader_.get());
    archive_read_support_filter_none(reader_.get());
    if (archive_read_open(reader_.get(), this, nullptr, &Unpacker::pull, nullptr) != ARCHIVE_OK) throw broken();
  }

  std::vector<std::string> run() {
    archive_entry* entry = nullptr;
    while (true) {
      const int result = archive_read_next_header(reader_.get(), &entry);
      if (result == ARCHIVE_EOF) break;
      if (result != ARCHIVE_OK && result != ARCHIVE_WARN) throw broken();
      take(entry);
    }
    if (!target_) throw Error("the sandbox sent an empty copy");
    check_end();
    finish_folders();
    if (left_out_count_ > left_out_.size()) {
      left_out_.push_back(fmt::format("{} more were left out", left_out_count_ - left_out_.size()));
    }
    return std::move(left_out_);
  }

 private:
  static la_ssize_t pull(archive* reader, void* self, const void** bytes) {
    auto* unpacker = static_cast<Unpacker*>(self);
    const ssize_t count = unpacker->read_block();
    if (count < 0) archive_set_error(reader, errno, "%s", strerror(errno));
    *bytes = unpacker->buffer_.data();
    return count;
  }

  ssize_t read_block() {
    ssize_t count = 0;
    do {
      count = read(options_.input, buffer_.data(), buffer_.size());
    } while (count < 0 && errno == EINTR);
    if (count > 0) end_.see({buffer_.data(), static_cast<size_t>(count)});
    input_ended_ = count == 0;
    return count;
  }

  // libarchive takes the end of the stream at an entry's border for the end of the archive; but a copy that was cut off
  // there, because the sandbox ended, is not the whole.
  void check_end() {
    while (read_block() > 0) {
    }
    if (!end_.seen()) throw Error(kCutOff, kCutOffHint);
  }

  Error broken() const {
    if (input_ended_ && !end_.seen()) return Error(kCutOff, kCutOffHint);
    const char* text = archive_error_string(reader_.get());
    return Error("the copy from the sandbox is broken: " + base::escaped(text == nullptr ? "not an archive" : text));
  }

  static bool can_be_copied(archive_entry* entry) {
    const auto type = archive_entry_filetype(entry);
    return archive_entry_hardlink(entry) != nullptr || type == AE_IFDIR || type == AE_IFREG || type == AE_IFLNK;
  }

  void take(archive_entry* entry) {
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr) throw Error("refused an entry without a name in the copy");
    const bool is_folder = archive_entry_filetype(entry) == AE_IFDIR;
    std::vector<std::string> parts = parts_of(name);
    if (!target_) {
      choose_target(parts, is_folder);
      // What was asked for itself, and not one of many in it.
      if (!can_be_copied(entry)) throw Error("cannot copy: " + in_quotes(name) + " is no file, folder or link");
    }
    const Place place = place_of(std::move(parts), name);
    if (const char* link = archive_entry_hardlink(entry)) return make_hard_link(place, link);
    switch (archive_entry_filetype(entry)) {
      case AE_IFDIR:
        return make_folder(place, entry);
      case AE_IFREG:
        return make_file(place, entry);
      case AE_IFLNK:
        return make_link(place, entry);
      default:
        if (left_out_count_++ < kMaxLeftOut) left_out_.push_back(in_quotes(name) + " is no file, folder or link");
    }
  }

  void choose_target(const std::vector<std::string>& parts, bool is_folder) {
    const bool is_top = options_.top == "." ? parts.empty() : parts.size() == 1 && parts[0] == options_.top;
    if (!is_top) throw Error("the copy does not begin with " + in_quotes(options_.top));
    target_ = place_in(std::move(options_.target), options_.top, is_folder);
  }

  // The archive's name with the top replaced by what it is called here.
  Place place_of(std::vector<std::string> parts, std::string_view name) const {
    if (options_.top != ".") {
      if (parts.empty() || parts[0] != options_.top) {
        throw Error("refused " + in_quotes(name.substr(0, 200)) + " in the copy: it is not below " +
                    in_quotes(options_.top));
      }
      parts.erase(parts.begin());
    }
    if (target_->name != ".") parts.insert(parts.begin(), target_->name);
    if (parts.empty()) return {};
    Place place;
    place.name = std::move(parts.back());
    parts.pop_back();
    place.folder = base::join(parts, "/");
    return place;
  }

  mode_t mode_of(archive_entry* entry) const { return archive_entry_perm(entry) & 0777 & ~umask_; }

  static timespec time_of(archive_entry* entry) {
    return {archive_entry_mtime(entry),
            archive_entry_mtime_is_set(entry) != 0 ? archive_entry_mtime_nsec(entry) : UTIME_NOW};
  }

  void make_folder(const Place& place, archive_entry* entry) {
    if (place.name.empty()) return;  // the user's own folder keeps its mode
    const base::Fd parent = open_folder_below(target_->folder, place.folder);
    if (mkdirat(parent.get(), place.name.c_str(), 0700) != 0) {
      if (errno != EEXIST) throw base::system_error("cannot make", place.path());
      static_cast<void>(open_folder_below(parent, place.name));  // a folder that was there, and nothing else
      return;
    }
    if (folders_.size() == kMaxFolders) throw Error(fmt::format("the copy has more than {} folders", kMaxFolders));
    folders_.push_back({place.path(), mode_of(entry), time_of(entry)});
  }

  void make_file(const Place& place, archive_entry* entry) {
    if (place.name.empty()) throw Error("the copy begins with a file and not with a folder");
    const base::Fd parent = open_folder_below(target_->folder, place.folder);
    const std::string temporary = temporary_name();
    const base::Fd file = base::open_file(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, parent.get());
    base::Scope undo([&] { unlinkat(parent.get(), temporary.c_str(), 0); });
    write_data(file, place);
    if (fchmod(file.get(), mode_of(entry)) != 0) throw base::system_error("cannot set the mode of", place.path());
    set_time(file.get(), time_of(entry));
    move(parent, temporary, place);
    undo.dismiss();
  }

  void write_data(const base::Fd& file, const Place& place) {
    int64_t end = 0;
    while (true) {
      const void* block = nullptr;
      size_t size = 0;
      int64_t offset = 0;
      const int result = archive_read_data_block(reader_.get(), &block, &size, &offset);
      if (result == ARCHIVE_EOF) {
        end = std::max(end, offset);  // a hole at the end
        break;
      }
      if (result != ARCHIVE_OK && result != ARCHIVE_WARN) throw broken();
      const char* from = static_cast<const char*>(block);
      for (size_t done = 0; done < size;) {
        const ssize_t count = pwrite(file.get(), from + done, size - done, offset + static_cast<int64_t>(done));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) throw base::system_error("cannot write", place.path());
        done += static_cast<size_t>(count);
      }
      end = std::max(end, offset + static_cast<int64_t>(size));
    }
    if (ftruncate(file.get(), end) != 0) throw base::system_error("cannot write", place.path());
  }

  void make_link(const Place& place, archive_entry* entry) {
    const char* points_to = archive_entry_symlink(entry);
    if (points_to == nullptr || place.name.empty()) throw Error("refused the link " + in_quotes(place.path()));
    const base::Fd parent = open_folder_below(target_->folder, place.folder);
    const std::string temporary = temporary_name();
    if (symlinkat(points_to, parent.get(), temporary.c_str()) != 0) {
      throw base::system_error("cannot make", place.path());
    }
    base::Scope undo([&] { unlinkat(parent.get(), temporary.c_str(), 0); });
    move(parent, temporary, place);
    undo.dismiss();
  }

  void make_hard_link(const Place& place, const char* link) {
    if (place.name.empty()) throw Error("the copy begins with a link and not with a folder");
    const Place first = place_of(parts_of(link), link);
    const base::Fd file = open_path_below(target_->folder, first.path());
    struct stat status {};
    if (fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
      throw Error("refused the hard link " + in_quotes(place.path()) + ": " + in_quotes(first.path()) +
                  " is not a file");
    }
    const base::Fd parent = open_folder_below(target_->folder, place.folder);
    const std::string temporary = temporary_name();
    // Through /proc, so that exactly the file that was checked is linked (open(2), O_PATH).
    const std::string checked = fmt::format("/proc/self/fd/{}", file.get());
    if (linkat(AT_FDCWD, checked.c_str(), parent.get(), temporary.c_str(), AT_SYMLINK_FOLLOW) != 0) {
      throw base::system_error("cannot link", place.path());
    }
    // rename(2) of one name of a file onto another name of it does nothing and leaves both: so this one may stay.
    base::Scope undo([&] { unlinkat(parent.get(), temporary.c_str(), 0); });
    move(parent, temporary, place);
  }

  static void move(const base::Fd& parent, const std::string& from, const Place& place) {
    if (renameat(parent.get(), from.c_str(), parent.get(), place.name.c_str()) == 0) return;
    if (errno == EISDIR || errno == ENOTDIR || errno == EEXIST || errno == ENOTEMPTY) {
      throw Error("cannot replace " + in_quotes(place.path()) + ": it is a folder", "remove it first", errno);
    }
    throw base::system_error("cannot make", place.path());
  }

  static void set_time(int fd, timespec changed) {
    const timespec times[2] = {{0, UTIME_NOW}, changed};
    futimens(fd, times);  // an odd time that the file system can't keep is not worth failing for
  }

  // The deepest first: a folder that may not be entered any more would hide those below it.
  void finish_folders() {
    for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) {
      const base::Fd opened = open_folder_below(target_->folder, folder->path);
      if (fchmod(opened.get(), folder->mode) != 0) throw base::system_error("cannot set the mode of", folder->path);
      set_time(opened.get(), folder->changed);
    }
  }

  static std::string temporary_name() { return ".caisson-cp-" + base::random_hex(8); }

  UnpackOptions options_;
  std::vector<char> buffer_ = std::vector<char>(kReadBytes);
  ArchiveEnd end_;
  bool input_ended_ = false;
  std::unique_ptr<archive, ReaderEnd> reader_;
  mode_t umask_;
  std::optional<UnpackTarget> target_;
  std::vector<Folder> folders_;
  std::vector<std::string> left_out_;
  size_t left_out_count_ = 0;
};

}  // namespace

std::vector<std::string> unpack(UnpackOptions options) {
  return Unpacker(std::move(options)).run();
}

}  // namespace caisson::cli
