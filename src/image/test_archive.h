// SPDX-License-Identifier: Apache-2.0

// Tars made by libarchive for tests, with whatever paths and kinds a test wants.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <stdexcept>
#include <string>
#include <string_view>

#include "image/digest.h"

namespace caisson::image {

class TestArchive {
 public:
  explicit TestArchive(const char* filter = "") : writer_(archive_write_new()) {
    if (filter[0] != '\0') check(archive_write_add_filter_by_name(writer_, filter));
    check(archive_write_set_format_pax_restricted(writer_));
    check(archive_write_set_bytes_in_last_block(writer_, 1));
    check(archive_write_open(writer_, this, nullptr, &TestArchive::take, nullptr));
  }
  TestArchive(const TestArchive&) = delete;
  TestArchive& operator=(const TestArchive&) = delete;
  ~TestArchive() { archive_write_free(writer_); }

  TestArchive& file(const std::string& path, std::string_view content, long mtime = 1) {
    return add(
        path, AE_IFREG, 0644, mtime,
        [&](archive_entry* entry) { archive_entry_set_size(entry, static_cast<la_int64_t>(content.size())); }, content);
  }
  // A file that says it has `size` bytes and has one.
  TestArchive& sparse(const std::string& path, int64_t size) {
    return add(
        path, AE_IFREG, 0644, 1,
        [&](archive_entry* entry) {
          archive_entry_set_size(entry, size);
          archive_entry_sparse_add_entry(entry, 0, 1);
        },
        "x");
  }
  TestArchive& folder(const std::string& path, long mtime = 1) {
    return add(path, AE_IFDIR, 0755, mtime, [](archive_entry*) {});
  }
  TestArchive& symlink(const std::string& path, const std::string& target) {
    return add(path, AE_IFLNK, 0777, 1,
               [&](archive_entry* entry) { archive_entry_set_symlink(entry, target.c_str()); });
  }
  TestArchive& hard_link(const std::string& path, const std::string& target) {
    return add(path, AE_IFREG, 0644, 1,
               [&](archive_entry* entry) { archive_entry_set_hardlink(entry, target.c_str()); });
  }
  TestArchive& device(const std::string& path) {
    return add(path, AE_IFBLK, 0600, 1, [](archive_entry* entry) {
      archive_entry_set_rdevmajor(entry, 8);
      archive_entry_set_rdevminor(entry, 0);
    });
  }
  // An owner, mode and extended attribute of one's own.
  TestArchive& owned(const std::string& path, int uid, int mode, const char* xattr = nullptr,
                     std::string_view value = {}) {
    return add(path, AE_IFREG, mode, 1, [&](archive_entry* entry) {
      archive_entry_set_uid(entry, uid);
      archive_entry_set_gid(entry, uid);
      archive_entry_set_size(entry, 0);
      if (xattr != nullptr) archive_entry_xattr_add_entry(entry, xattr, value.data(), value.size());
    });
  }

  std::string finish() {
    check(archive_write_close(writer_));
    return std::move(bytes_);
  }

 private:
  static la_ssize_t take(archive*, void* self, const void* bytes, size_t size) {
    static_cast<TestArchive*>(self)->bytes_.append(static_cast<const char*>(bytes), size);
    return static_cast<la_ssize_t>(size);
  }
  void check(int result) const {
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) throw std::runtime_error(archive_error_string(writer_));
  }
  template <typename Fill>
  TestArchive& add(const std::string& path, unsigned type, int mode, long mtime, Fill fill,
                   std::string_view content = {}) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, path.c_str());
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, static_cast<__LA_MODE_T>(mode));
    archive_entry_set_mtime(entry, mtime, 0);
    fill(entry);
    check(archive_write_header(writer_, entry));
    if (!content.empty()) archive_write_data(writer_, content.data(), content.size());
    archive_entry_free(entry);
    return *this;
  }

  archive* writer_;
  std::string bytes_;
};

// `bytes` with a compression around it.
inline std::string compressed(const std::string& bytes, const char* filter) {
  std::string out;
  archive* writer = archive_write_new();
  archive_write_add_filter_by_name(writer, filter);
  archive_write_set_format_raw(writer);
  archive_write_set_bytes_in_last_block(writer, 1);
  archive_write_open(
      writer, &out, nullptr,
      [](archive*, void* target, const void* piece, size_t size) {
        static_cast<std::string*>(target)->append(static_cast<const char*>(piece), size);
        return static_cast<la_ssize_t>(size);
      },
      nullptr);
  archive_entry* entry = archive_entry_new();
  archive_entry_set_pathname(entry, "data");
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_write_header(writer, entry);
  archive_write_data(writer, bytes.data(), bytes.size());
  archive_entry_free(entry);
  archive_write_close(writer);
  archive_write_free(writer);
  return out;
}

}  // namespace caisson::image
