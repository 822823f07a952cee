// SPDX-License-Identifier: Apache-2.0

// The requests about the content of open files.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "share/changing.h"
#include "share/entries.h"
#include "share/operations.h"

namespace caisson::share {
namespace {

// What the host's kernel is to know of how a file is opened. Appending is decided at each write (writing.cc); direct
// access would demand aligned buffers, and gains nothing through a guest's page cache.
constexpr int kPassedFlags = O_ACCMODE | O_TRUNC | O_SYNC | O_DSYNC;

// FOPEN_KEEP_CACHE where the content is what it was when the guest opened it last.
uint32_t note_content(Share& share, const OpenNode& file, const struct stat& status) {
  const bool same = share.nodes.with(file.node, [&](Node& node) {
    const Content now = content_of(status);
    if (node.seen == now) return true;
    node.seen = now;
    node.own_change = false;
    return false;
  });
  return same ? FOPEN_KEEP_CACHE : 0;
}

void note_in_baseline(Share& share, const OpenNode& file, const struct stat& status) {
  if (!share.baseline.wants(status)) return;
  const bool news = share.nodes.with(file.node, [&](Node& node) {
    const int64_t changed = nanoseconds(status.st_ctim);
    return std::exchange(node.logged_ns, changed) != changed;
  });
  if (news) share.baseline.add(status);
}

}  // namespace

int open_file(Share& share, const Request& request, Output& output) {
  Body body(request.body);
  return open_known(share, request.header.nodeid, body.take<fuse_open_in>().flags, output);
}

int open_known(Share& share, uint64_t node, uint32_t wanted, Output& output) {
  const int flags = static_cast<int>(wanted) & kPassedFlags;
  const bool writable = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;
  if (writable && share.read_only()) return EROFS;
  OpenNode file = open_node(share, node);
  if (file.errnum != 0) return file.errnum;
  if (file.node.is_folder()) return EISDIR;
  struct stat before {};
  if (::fstat(file.descriptor, &before) != 0) return errno;
  file.settled_ns = settled_change_ns(before);
  int errnum = writable ? may_change(share, file, before) : check_shown(share, file, before);
  if (errnum == 0 && token_came(share, file.node, file.descriptor)) errnum = ENOENT;
  if (errnum != 0) return errnum;
  base::Fd opened = reopen(file, flags, errnum);
  if (!opened) return errnum;
  if ((flags & O_TRUNC) != 0) share.hidden.carry_over(before, note_own_change(share, file.node, opened.get()), 0);
  return keep_open(share, file, std::move(opened), wanted, output);
}

int keep_open(Share& share, const OpenNode& file, base::Fd opened, uint32_t flags, Output& output) {
  if (file.errnum != 0) return file.errnum;
  struct stat status {};
  if (::fstat(opened.get(), &status) != 0) return errno;
  note_in_baseline(share, file, status);
  fuse_open_out out{};
  out.open_flags = note_content(share, file, status);
  auto handle = std::make_shared<Handle>();
  handle->file = std::move(opened);
  handle->node = file.node.id();
  handle->writable = (flags & (O_ACCMODE | O_TRUNC)) != O_RDONLY;
  handle->append = (flags & O_APPEND) != 0;
  handle->doubts = file.doubts;
  handle->settled_ns = file.settled_ns;
  handle->era = file.era;
  out.fh = share.handles.add(std::move(handle));
  if (out.fh == 0) return ENFILE;
  output.put(out);
  return 0;
}

int check_again(Share& share, Handle& handle) {
  const uint64_t doubts = share.places.doubts();
  if (handle.doubts == doubts) return 0;
  struct stat status {};
  const int file = handle.file.get();
  if (::fstat(file, &status) != 0) return errno;
  const int64_t settled_ns = settled_change_ns(status);
  const uint32_t era = share.places.era();
  if (handle.settled_ns != nanoseconds(status.st_ctim) || handle.era != era) {
    const NodeRef node = share.nodes.find(handle.node);
    if (!node || share.places.check(node, file) != 0) return ESTALE;
    if (share.hidden.hides(file, status) || token_came(share, node, file)) return ESTALE;
    handle.settled_ns = settled_ns;
    handle.era = era;
  }
  handle.doubts = doubts;
  return 0;
}

int read_file(Share& share, const Request& request, Output& output) {
  Body body(request.body);
  const auto in = body.take<fuse_read_in>();
  const auto handle = share.handles.find(in.fh, request.header.nodeid);
  if (!handle || handle->listing) return EBADF;
  if (const int errnum = check_again(share, *handle)) return errnum;
  const auto room = output.room(std::min<size_t>(in.size, kMaxDataBytes));
  if (in.offset > static_cast<uint64_t>(INT64_MAX) - room.size()) return EINVAL;
  size_t filled = 0;
  while (filled < room.size()) {
    const ssize_t got =
        ::pread(handle->file.get(), room.data() + filled, room.size() - filled, static_cast<off_t>(in.offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && filled == 0) return errno;
    if (got <= 0) break;
    filled += static_cast<size_t>(got);
  }
  output.grow(filled);
  return 0;
}

int seek_file(Share& share, const Request& request, Output& output) {
  Body body(request.body);
  const auto in = body.take<fuse_lseek_in>();
  const auto handle = share.handles.find(in.fh, request.header.nodeid);
  if (!handle || handle->listing) return EBADF;
  if (in.whence != SEEK_DATA && in.whence != SEEK_HOLE) return EINVAL;
  const off_t found = ::lseek(handle->file.get(), static_cast<off_t>(in.offset), static_cast<int>(in.whence));
  if (found < 0) return errno;
  output.put(fuse_lseek_out{.offset = static_cast<uint64_t>(found)});
  return 0;
}

int release(Share& share, const Request& request, Output&) {
  Body body(request.body);
  const auto in = body.take<fuse_release_in>();
  if (share.handles.find(in.fh, request.header.nodeid)) share.handles.remove(in.fh);
  return 0;
}

int flush(Share& share, const Request& request, Output&) {
  Body body(request.body);
  const auto in = body.take<fuse_flush_in>();
  // From here on the guest's kernel does not ask.
  if (share.read_only()) return ENOSYS;
  // fcntl(2): who closes any descriptor of a file loses all record locks on it.
  share.locks.release(request.header.nodeid, in.lock_owner);
  return 0;
}

int sync_file(Share& share, const Request& request, Output&) {
  Body body(request.body);
  const auto in = body.take<fuse_fsync_in>();
  // A folder that was read without a handle: nothing was changed by it.
  if (share.read_only()) return 0;
  const auto handle = share.handles.find(in.fh, request.header.nodeid);
  if (!handle) return EBADF;
  const int result =
      (in.fsync_flags & FUSE_FSYNC_FDATASYNC) != 0 ? ::fdatasync(handle->file.get()) : ::fsync(handle->file.get());
  return result != 0 ? errno : 0;
}

}  // namespace caisson::share
