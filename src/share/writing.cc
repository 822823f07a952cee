// SPDX-License-Identifier: Apache-2.0

// The requests that change the content of open files, and the one that makes a file and opens it.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>

#include "share/changing.h"
#include "share/entries.h"
#include "share/operations.h"

namespace caisson::share {
namespace {

// A writable handle of the request's node, or null.
std::shared_ptr<Handle> writable(Share& share, uint64_t number, uint64_t node) {
  auto handle = share.handles.find(number, node);
  return handle && handle->writable ? handle : nullptr;
}

// A change of what is in a file: noted, so that what the host's kernel says of it is not taken for another's.
class Writing {
 public:
  Writing(Share& share, Handle& handle) : share_(share), handle_(handle) {}
  // To be asked before anything is changed; an errno.
  int begin() {
    if (const int errnum = check_again(share_, handle_)) return errnum;
    if (::fstat(handle_.file.get(), &before_) != 0) return errno;
    // The host may have made a link outside of the folder since it was opened. As may_change().
    return handle_.node == kRootId || share_.hidden.all_inside(before_) ? 0 : EPERM;
  }
  void done() {
    const NodeRef node = share_.nodes.find(handle_.node);
    if (!node) return;
    share_.hidden.carry_over(before_, note_own_change(share_, node, handle_.file.get()), 0);
  }

 private:
  Share& share_;
  Handle& handle_;
  struct stat before_ = {};
};

ssize_t write_some(const Handle& handle, std::span<const char> data, uint64_t offset, bool append) {
  const iovec part{.iov_base = const_cast<char*>(data.data()), .iov_len = data.size()};
  // At the end that the file has on the host, wherever the guest thinks that it is.
  return ::pwritev2(handle.file.get(), &part, 1, static_cast<off_t>(offset), append ? RWF_APPEND : 0);
}

}  // namespace

int write_file(Share& share, const Request& request, Output& output) {
  Body body(request.body);
  const auto in = body.take<fuse_write_in>();
  auto data = body.take_bytes(in.size);
  const auto handle = writable(share, in.fh, request.header.nodeid);
  if (!handle) return EBADF;
  if (in.offset > static_cast<uint64_t>(INT64_MAX) - data.size()) return EFBIG;
  Writing writing(share, *handle);
  if (const int errnum = writing.begin()) return errnum;
  // What comes from a shared mapping has its place, by whichever handle the guest's kernel writes it.
  const bool append = handle->append && (in.write_flags & FUSE_WRITE_CACHE) == 0;
  uint32_t written = 0;
  while (!data.empty()) {
    const ssize_t put = write_some(*handle, data, in.offset + written, append);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && written == 0) return errno;
    if (put <= 0) break;
    written += static_cast<uint32_t>(put);
    data = data.subspan(static_cast<size_t>(put));
  }
  writing.done();
  output.put(fuse_write_out{.size = written, .padding = 0});
  return 0;
}

int allocate(Share& share, const Request& request, Output&) {
  Body body(request.body);
  const auto in = body.take<fuse_fallocate_in>();
  const auto handle = writable(share, in.fh, request.header.nodeid);
  if (!handle) return EBADF;
  if (in.offset > INT64_MAX || in.length > INT64_MAX) return EFBIG;
  Writing writing(share, *handle);
  if (const int errnum = writing.begin()) return errnum;
  if (::fallocate(handle->file.get(), static_cast<int>(in.mode), static_cast<off_t>(in.offset),
                  static_cast<off_t>(in.length)) != 0)
    return errno;
  writing.done();
  return 0;
}

int copy_range(Share& share, const Request& request, Output& output) {
  Body body(request.body);
  const auto in = body.take<fuse_copy_file_range_in>();
  const auto from = share.handles.find(in.fh_in, request.header.nodeid);
  const auto to = writable(share, in.fh_out, in.nodeid_out);
  if (!from || from->listing || !to) return EBADF;
  if (in.off_in > INT64_MAX || in.off_out > INT64_MAX || in.flags != 0) return EINVAL;
  if (const int errnum = check_again(share, *from)) return errnum;
  Writing writing(share, *to);
  if (const int errnum = writing.begin()) return errnum;
  // A part at a time, as with reads: one request is not to hold a thread for as long as a guest likes.
  constexpr uint64_t kMaxCopied = 64U << 20;
  auto off_in = static_cast<off64_t>(in.off_in);
  auto off_out = static_cast<off64_t>(in.off_out);
  const ssize_t copied = ::copy_file_range(from->file.get(), &off_in, to->file.get(), &off_out,
                                           static_cast<size_t>(std::min(in.len, kMaxCopied)), 0);
  if (copied < 0) return errno;
  writing.done();
  output.put(fuse_write_out{.size = static_cast<uint32_t>(copied), .padding = 0});
  return 0;
}

int create_file(Share& share, const Request& request, Output& output) {
  Body body(request.body);
  const auto in = body.take<fuse_create_in>();
  const std::string name = body.name();
  Change change(share, request.header.nodeid, name);
  if (change.errnum() != 0) return change.errnum();
  output.set_epoch(share.changes.load());
  // Opened by the same call: its mode may forbid to open it again, as git's objects are made.
  const int flags = static_cast<int>(in.flags) & (O_ACCMODE | O_SYNC | O_DSYNC);
  change.expect(IN_CREATE);
  base::Fd made(::openat(change.folder().descriptor, name.c_str(),
                         flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, file_mode(in.mode)));
  if (!made && (errno != EEXIST || (in.flags & O_EXCL) != 0)) return errno;
  Looked looked;
  if (made) change.done();
  if (const int errnum = change.look(looked)) return errnum;
  struct stat status {};
  // Somebody else was quick to replace it: it is no file of the guest's any more.
  if (made && (::fstat(made.get(), &status) != 0 || id_of(status) != id_of(looked.status))) return ESTALE;
  fuse_entry_out entry{};
  if (const int errnum = tell(share, change.folder().node.id(), name, std::move(looked), entry)) return errnum;
  output.put_entry(entry);
  if (!made) return open_known(share, entry.nodeid, in.flags & ~static_cast<uint32_t>(O_CREAT | O_EXCL), output);
  return keep_open(share, open_node(share, entry.nodeid), std::move(made), in.flags, output);
}

}  // namespace caisson::share
