// SPDX-License-Identifier: Apache-2.0

#include "image/unpack.h"

#include <unistd.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "image/tar_stream.h"

namespace caisson::image {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::string_view kAufs = ".wh..wh.";

// Which extended attributes an image may carry. overlayfs gives a meaning to its own ones in a lower layer, so they are
// dropped; so is what only the host's kernel should ever set (security.selinux, trusted.*).
bool wanted_xattr(std::string_view name) {
  if (name == "security.capability") return true;
  return name.starts_with("user.") && !name.starts_with("user.overlay.");
}

std::string text_of(const char* narrow, const char* utf8) {
  if (narrow != nullptr) return narrow;
  return utf8 != nullptr ? utf8 : "";
}

class LayerReader {
 public:
  LayerReader(int fd, const std::string& name, Tree& tree, UnpackTotals& totals, const UnpackOptions& options)
      : tree_(tree),
        totals_(totals),
        options_(options),
        // Headers and padding come on top of the content.
        stream_(fd, name,
                {.max_bytes = options.limits.max_bytes + options.limits.max_entries * 1024,
                 .digest = !options.diff_id.empty()}) {}

  void run() {
    tree_.begin_layer();
    while (archive_entry* entry = stream_.next()) {
      if (++totals_.entries > options_.limits.max_entries)
        throw base::Error("there are more than " + std::to_string(options_.limits.max_entries) + " entries");
      take(entry);
      if (options_.tick && totals_.entries % 64 == 0) options_.tick(totals_, stream_.consumed());
    }
    tree_.finish_layer();
    stream_.drain();
    if (options_.require_end && !stream_.ends_with_marker())
      throw base::Error("the end is missing", "the archive is cut off; get a complete one");
    if (!options_.diff_id.empty()) {
      const std::string found = stream_.digest();
      if (found != options_.diff_id)
        throw base::Error("its content has the digest sha256:" + found + " and not sha256:" + options_.diff_id +
                          " as it should");
    }
  }

 private:
  void take(archive_entry* entry) {
    const std::string path = text_of(archive_entry_pathname(entry), archive_entry_pathname_utf8(entry));
    if (path.empty()) throw base::Error("an entry has no name");
    if (options_.whiteouts && take_whiteout(path)) return;
    if (archive_entry_hardlink(entry) != nullptr || archive_entry_hardlink_utf8(entry) != nullptr) {
      tree_.hard_link(path, text_of(archive_entry_hardlink(entry), archive_entry_hardlink_utf8(entry)));
      return;
    }
    const Attributes attributes = attributes_of(entry);
    switch (archive_entry_filetype(entry)) {
      case AE_IFREG:
        return take_file(entry, path, attributes);
      case AE_IFDIR:
        return tree_.folder(path, attributes);
      case AE_IFLNK:
        return tree_.symlink(path, text_of(archive_entry_symlink(entry), archive_entry_symlink_utf8(entry)),
                             attributes);
      case AE_IFIFO:
        return tree_.node(path, S_IFIFO, 0, attributes);
      case AE_IFCHR:
        return tree_.node(path, S_IFCHR, archive_entry_rdev(entry), attributes);
      case AE_IFBLK:
        return tree_.node(path, S_IFBLK, archive_entry_rdev(entry), attributes);
      case AE_IFSOCK:
        return;  // nobody listens on it
      default:
        throw base::Error("the entry " + base::in_quotes(path) + " is of an unknown kind");
    }
  }

  bool take_whiteout(const std::string& path) {
    std::vector<std::string> parts = path_parts(path);
    if (parts.empty() || !parts.back().starts_with(kWhiteout)) return false;
    const std::string name = parts.back();
    parts.pop_back();
    const std::string folder = base::join(parts, "/");
    if (name == kOpaque) {
      tree_.opaque(folder);
    } else if (!name.starts_with(kAufs)) {  // .wh..wh.plnk, .wh..wh.aufs: old notes to itself of a file system
      const std::string victim = name.substr(kWhiteout.size());
      if (victim.empty() || victim == "." || victim == "..")
        throw base::Error("the whiteout " + base::in_quotes(path) + " names no file");
      tree_.whiteout(folder + "/" + victim);
    }
    return true;
  }

  Attributes attributes_of(archive_entry* entry) const {
    Attributes attributes;
    const la_int64_t uid = archive_entry_uid(entry);
    const la_int64_t gid = archive_entry_gid(entry);
    // 2^32-1 means "leave it" to chown(2).
    if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
      throw base::Error("an entry has an impossible owner");
    attributes.uid = static_cast<uid_t>(uid);
    attributes.gid = static_cast<gid_t>(gid);
    attributes.mode = archive_entry_mode(entry) & 07777;
    attributes.mtime.tv_sec = std::max<time_t>(archive_entry_mtime(entry), 0);
    attributes.mtime.tv_nsec = std::clamp<long>(archive_entry_mtime_nsec(entry), 0, 999'999'999);
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    uint64_t total = 0;
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
      if (name == nullptr || !wanted_xattr(name)) continue;
      total += size + std::string_view(name).size();
      if (total > options_.limits.max_xattr_bytes) throw base::Error("an entry has too large extended attributes");
      attributes.xattrs.emplace_back(name, std::string(static_cast<const char*>(value), size));
    }
    return attributes;
  }

  void take_file(archive_entry* entry, const std::string& path, const Attributes& attributes) {
    const la_int64_t declared = archive_entry_size_is_set(entry) != 0 ? archive_entry_size(entry) : 0;
    if (declared < 0) throw base::Error("an entry has a negative size");
    uint64_t size = static_cast<uint64_t>(declared);
    require_room(size);
    const base::Fd file = tree_.file(path);
    const char* bytes = nullptr;
    size_t count = 0;
    int64_t offset = 0;
    while (stream_.read(&bytes, &count, &offset)) {
      const uint64_t end = static_cast<uint64_t>(offset) + count;
      if (offset < 0 || end < static_cast<uint64_t>(offset)) throw base::Error("an entry has an impossible hole");
      require_room(end);
      write_at(file, {bytes, count}, offset, path);
      size = std::max(size, end);
      if (options_.tick) options_.tick(totals_, stream_.consumed());
    }
    totals_.bytes += size;
    tree_.close_file(path, file, size, attributes);
  }

  void require_room(uint64_t more) const {
    if (more > options_.limits.max_bytes || totals_.bytes + more > options_.limits.max_bytes)
      throw base::Error("it has more than " + base::to_string(base::Bytes{options_.limits.max_bytes}) + " of files");
  }

  static void write_at(const base::Fd& file, std::string_view bytes, int64_t offset, const std::string& path) {
    while (!bytes.empty()) {
      const ssize_t written = ::pwrite(file.get(), bytes.data(), bytes.size(), offset);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0)
        throw base::system_error("cannot write", path, errno,
                                 errno == ENOSPC ? "free some disk space, or set XDG_CACHE_HOME to a larger disk" : "");
      bytes.remove_prefix(static_cast<size_t>(written));
      offset += written;
    }
  }

  Tree& tree_;
  UnpackTotals& totals_;
  const UnpackOptions& options_;
  TarStream stream_;
};

bool is_image_entry(const std::string& path) {
  const std::vector<std::string> parts = path_parts(path);
  if (parts.empty()) return true;
  const std::string& first = parts[0];
  if (first == "blobs" || is_digest(first)) return true;
  if (parts.size() > 1) return false;
  return first == "oci-layout" || first == "index.json" || first == "manifest.json" || first == "repositories" ||
         first.ends_with(".json") || first.ends_with(".tar") || first.ends_with(".tar.gz");
}

}  // namespace

void unpack_layer(int fd, const std::string& name, Tree& tree, UnpackTotals& totals, const UnpackOptions& options) {
  try {
    LayerReader(fd, name, tree, totals, options).run();
  } catch (const base::Error& error) {
    throw error.within("cannot unpack " + base::in_quotes(name));
  }
}

std::string archive_kind(int fd, const std::string& name) {
  TarStream stream(fd, name, {.max_bytes = UnpackLimits{}.max_bytes, .digest = false});
  bool docker = false;
  // A saved image has a few hundred entries at most.
  for (int count = 0; count < 4096; ++count) {
    archive_entry* entry = stream.next();
    if (entry == nullptr) break;
    const std::string path = text_of(archive_entry_pathname(entry), archive_entry_pathname_utf8(entry));
    if (!is_image_entry(path)) return "root";
    const std::vector<std::string> parts = path_parts(path);
    if (parts == std::vector<std::string>{"oci-layout"}) return "oci";
    if (parts == std::vector<std::string>{"manifest.json"}) docker = true;
  }
  return docker ? "docker" : "root";
}

}  // namespace caisson::image
