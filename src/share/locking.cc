// SPDX-License-Identifier: Apache-2.0

// The requests about locks.

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "share/entries.h"
#include "share/operations.h"

namespace caisson::share {
namespace {

constexpr uint64_t kToTheEnd = INT64_MAX;

struct flock record_of(const fuse_file_lock& lock) {
  if (lock.start > lock.end || lock.end > kToTheEnd) throw base::Error("a lock has no range", {}, EINVAL);
  if (lock.type != F_RDLCK && lock.type != F_WRLCK && lock.type != F_UNLCK)
    throw base::Error("a lock has no type", {}, EINVAL);
  struct flock record {};
  record.l_type = static_cast<short>(lock.type);
  record.l_whence = SEEK_SET;
  record.l_start = static_cast<off_t>(lock.start);
  record.l_len = lock.end == kToTheEnd ? 0 : static_cast<off_t>(lock.end - lock.start + 1);
  return record;
}

// The descriptor that has the owner's record locks, opened where there is none yet. For a read only file a write lock
// is refused by the kernel, as it is in the guest.
Locks::Target target_of(Share& share, uint64_t node, uint64_t owner, int& errnum) {
  if (auto target = share.locks.find(node, owner)) return target;
  const OpenNode file = open_node(share, node);
  errnum = file.errnum;
  if (errnum != 0) return nullptr;
  base::Fd opened = reopen(file, O_RDWR, errnum);
  if (!opened) opened = reopen(file, O_RDONLY, errnum);
  return opened ? std::make_shared<base::Fd>(std::move(opened)) : nullptr;
}

// From now on the guest asks for the file's attributes each time, and keeps nothing of it over a lock.
void share_by_lock(Share& share, uint64_t id) {
  if (const NodeRef node = share.nodes.find(id))
    share.nodes.with(node, [](Node& known) { known.shared_by_lock = true; });
}

// Tries it, and waits in a thread where it has to. `lock(blocking)` makes the system call and returns an errno. The
// answer to who got a lock is sent by the thread that also takes what the guest keeps of the file from it.
template <typename Lock>
int lock_or_wait(Share& share, const Request& request, const Lock& lock, bool unlock) {
  const int errnum = lock(false);
  const uint64_t node = request.header.nodeid;
  const uint64_t unique = request.header.unique;
  if (errnum == 0 && unlock) return 0;
  if (errnum == 0) {
    share_by_lock(share, node);
    share.watches.answer_lock(node, unique);
    return kNoAnswer;
  }
  const bool would_wait = errnum == EAGAIN || errnum == EACCES;
  if (!would_wait || request.header.opcode != FUSE_SETLKW) return would_wait ? EAGAIN : errnum;
  const auto done = [&share, node, unique](int result) {
    if (result == 0) {
      share_by_lock(share, node);
      share.watches.answer_lock(node, unique);
    } else {
      Output nothing;
      share.channel.answer(nothing, unique, result);
    }
  };
  return share.locks.wait(
             unique, [lock] { return lock(true); }, done)
             ? kNoAnswer
             : ENOLCK;
}

int set_flock(Share& share, const Request& request, const fuse_lk_in& in) {
  const auto handle = share.handles.find(in.fh, request.header.nodeid);
  if (!handle) return EBADF;
  const int operation = in.lk.type == F_RDLCK ? LOCK_SH : in.lk.type == F_WRLCK ? LOCK_EX : LOCK_UN;
  const auto lock = [handle, operation](bool blocking) {
    return ::flock(handle->file.get(), operation | (blocking ? 0 : LOCK_NB)) != 0 ? errno : 0;
  };
  return lock_or_wait(share, request, lock, operation == LOCK_UN);
}

}  // namespace

int set_lock(Share& share, const Request& request, Output&) {
  Body body(request.body);
  const auto in = body.take<fuse_lk_in>();
  if (share.read_only()) return ENOSYS;
  if ((in.lk_flags & FUSE_LK_FLOCK) != 0) return set_flock(share, request, in);
  const struct flock record = record_of(in.lk);
  const bool unlock = record.l_type == F_UNLCK;
  if (unlock && !share.locks.find(request.header.nodeid, in.owner)) return 0;
  int errnum = 0;
  const Locks::Target target = target_of(share, request.header.nodeid, in.owner, errnum);
  if (!target) return errnum;
  if (!share.locks.find(request.header.nodeid, in.owner) && !share.locks.keep(request.header.nodeid, in.owner, target))
    return ENOLCK;
  const auto lock = [target, record](bool blocking) {
    struct flock wanted = record;
    return ::fcntl(target->get(), blocking ? F_OFD_SETLKW : F_OFD_SETLK, &wanted) != 0 ? errno : 0;
  };
  return lock_or_wait(share, request, lock, unlock);
}

int get_lock(Share& share, const Request& request, Output& output) {
  Body body(request.body);
  const auto in = body.take<fuse_lk_in>();
  if (share.read_only()) return ENOSYS;
  struct flock record = record_of(in.lk);
  int errnum = 0;
  const Locks::Target target = target_of(share, request.header.nodeid, in.owner, errnum);
  if (!target) return errnum;
  if (::fcntl(target->get(), F_OFD_GETLK, &record) != 0) return errno;
  fuse_lk_out out{};
  out.lk.type = static_cast<uint32_t>(record.l_type);
  if (record.l_type != F_UNLCK) {
    out.lk.start = static_cast<uint64_t>(record.l_start);
    out.lk.end = record.l_len == 0 ? kToTheEnd : static_cast<uint64_t>(record.l_start + record.l_len - 1);
  }
  // Whose it is is the host's affair.
  out.lk.pid = 0;
  output.put(out);
  return 0;
}

int interrupt(Share& share, const Request& request, Output&) {
  Body body(request.body);
  // Only what waits for a lock takes long.
  if (!share.read_only()) share.locks.interrupt(body.take<fuse_interrupt_in>().unique);
  return kNoAnswer;
}

}  // namespace caisson::share
