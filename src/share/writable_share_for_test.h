// SPDX-License-Identifier: Apache-2.0

// A share in mode rw, and the requests that change its folder.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "share/share_for_test.h"

namespace caisson::share {

class WritableShareTest : public ShareTest {
 protected:
  void start_writable(std::vector<std::string> masks = {}) {
    start({.mode = Mode::kReadWrite, .masks = std::move(masks)});
  }
  std::string on_host(const std::string& name) { return base::read_file(folder / name); }
  bool exists(const std::string& name) {
    return std::filesystem::exists(std::filesystem::symlink_status(folder / name));
  }
  static std::string create_body(const std::string& name, uint32_t flags = O_RDWR, uint32_t mode = 0644) {
    return bytes_of(fuse_create_in{.flags = flags, .mode = mode, .umask = 0, .open_flags = 0}) + text_of(name);
  }
  Message create(const std::string& name, uint32_t flags = O_RDWR, uint32_t mode = 0644) {
    return client->call(FUSE_CREATE, kRootId, create_body(name, flags, mode));
  }
  struct Created {
    fuse_entry_out entry;
    fuse_open_out opened;
  };
  Message write_at(uint64_t node, uint64_t handle, uint64_t offset, const std::string& data, uint32_t flags = 0) {
    fuse_write_in in{};
    in.fh = handle;
    in.offset = offset;
    in.size = static_cast<uint32_t>(data.size());
    in.write_flags = flags;
    return client->call(FUSE_WRITE, node, bytes_of(in) + data);
  }
  int mkdir(const std::string& name, uint64_t parent = kRootId) {
    return client->call(FUSE_MKDIR, parent, bytes_of(fuse_mkdir_in{.mode = 0755, .umask = 0}) + text_of(name)).errnum;
  }
  int rename(const std::string& from, const std::string& to, uint32_t flags = 0) {
    return client
        ->call(FUSE_RENAME2, kRootId,
               bytes_of(fuse_rename2_in{.newdir = kRootId, .flags = flags, .padding = 0}) + text_of(from) + text_of(to))
        .errnum;
  }
  int link(uint64_t node, const std::string& name) {
    return client->call(FUSE_LINK, kRootId, bytes_of(fuse_link_in{.oldnodeid = node}) + text_of(name)).errnum;
  }
  int unlink(const std::string& name) { return client->call(FUSE_UNLINK, kRootId, text_of(name)).errnum; }
  int rmdir(const std::string& name) { return client->call(FUSE_RMDIR, kRootId, text_of(name)).errnum; }
  int mknod(const std::string& name, uint32_t mode) {
    return client
        ->call(FUSE_MKNOD, kRootId,
               bytes_of(fuse_mknod_in{.mode = mode, .rdev = 0x103, .umask = 0, .padding = 0}) + text_of(name))
        .errnum;
  }
  template <typename Fill>
  int set_attributes(uint64_t node, uint32_t valid, Fill fill) {
    fuse_setattr_in in{};
    in.valid = valid;
    fill(in);
    return client->call(FUSE_SETATTR, node, bytes_of(in)).errnum;
  }
};

}  // namespace caisson::share
