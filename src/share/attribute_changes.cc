// SPDX-License-Identifier: Apache-2.0

// The requests that change what is said of a file: its mode, size and times, and the user's extended attributes.
//
// Modes and attributes are set through a descriptor that was opened, never by a name: Landlock does not judge who
// changes them, so the filter allows nothing else. A file that nobody may open (mode 0) keeps its mode therefore.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "share/changing.h"
#include "share/operations.h"

namespace caisson::share {
namespace {

constexpr size_t kMaxValueBytes = 65536;
constexpr std::string_view kUserPrefix = "user.";

// The file, opened as one SETATTR or SETXATTR needs it.
class Opening {
 public:
  Opening(Share& share, uint64_t node, uint64_t handle) : file_(open_node(share, node)) {
    if (handle != 0) handle_ = share.handles.find(handle, node);
  }
  const OpenNode& file() const { return file_; }
  // To be asked before anything is changed; an errno.
  int begin(Share& share) {
    if (file_.errnum != 0) return file_.errnum;
    return ::fstat(file_.descriptor, &before_) != 0 ? errno : may_change(share, file_, before_);
  }
  const struct stat& before() const { return before_; }
  // When all is changed. The file's state by then.
  struct stat end(Share& share) {
    const struct stat after = note_own_change(share, file_.node, file_.descriptor);
    share.hidden.carry_over(before_, after, 0);
    return after;
  }
  // Any descriptor of it that is more than a path; -1 with an errno.
  int opened(int& errnum) {
    errnum = 0;
    if (handle_) return handle_->file.get();
    if (!opened_) opened_ = reopen(file_, O_RDONLY, errnum);
    if (!opened_ && errnum == EACCES && file_.node.is_regular()) opened_ = reopen(file_, O_WRONLY, errnum);
    return opened_.get();
  }
  int writable(int& errnum) {
    errnum = 0;
    if (handle_ && handle_->writable) return handle_->file.get();
    if (!writable_) writable_ = reopen(file_, O_WRONLY, errnum);
    return writable_.get();
  }

 private:
  OpenNode file_;
  struct stat before_ = {};
  std::shared_ptr<Handle> handle_;
  base::Fd opened_;
  base::Fd writable_;
};

int set_owner(const fuse_setattr_in& in) {
  const bool user = (in.valid & FATTR_UID) == 0 || in.uid == kGuestUser;
  const bool group = (in.valid & FATTR_GID) == 0 || in.gid == kGuestUser;
  return user && group ? 0 : EPERM;
}

int set_size(Opening& file, const fuse_setattr_in& in) {
  if (file.file().node.is_folder()) return EISDIR;
  if (in.size > INT64_MAX) return EFBIG;
  int errnum = 0;
  const int opened = file.writable(errnum);
  if (opened < 0) return errnum;
  return ::ftruncate(opened, static_cast<off_t>(in.size)) != 0 ? errno : 0;
}

int set_mode(Opening& file, const fuse_setattr_in& in) {
  if (!file.file().node.is_regular() && !file.file().node.is_folder()) return EOPNOTSUPP;
  int errnum = 0;
  const int opened = file.opened(errnum);
  if (opened < 0) return errnum;
  const mode_t old = file.before().st_mode;
  const mode_t mode = file.file().node.is_folder() ? folder_mode(in.mode, old) : file_mode(in.mode, old);
  return ::fchmod(opened, mode) != 0 ? errno : 0;
}

timespec time_of(uint64_t seconds, uint32_t nanoseconds, bool set, bool now) {
  if (!set) return {.tv_sec = 0, .tv_nsec = UTIME_OMIT};
  if (now) return {.tv_sec = 0, .tv_nsec = UTIME_NOW};
  return {.tv_sec = static_cast<time_t>(seconds), .tv_nsec = static_cast<long>(nanoseconds)};
}

int set_times(Opening& file, const fuse_setattr_in& in) {
  if (in.atimensec >= 1'000'000'000 || in.mtimensec >= 1'000'000'000) return EINVAL;
  const timespec times[] = {
      time_of(in.atime, in.atimensec, (in.valid & FATTR_ATIME) != 0, (in.valid & FATTR_ATIME_NOW) != 0),
      time_of(in.mtime, in.mtimensec, (in.valid & FATTR_MTIME) != 0, (in.valid & FATTR_MTIME_NOW) != 0)};
  // The node's own descriptor, which has no name and follows none.
  return ::utimensat(file.file().descriptor, "", times, AT_EMPTY_PATH) != 0 ? errno : 0;
}

}  // namespace

int set_attributes(Share& share, const Request& request, Output& output) {
  Body body(request.body);
  const auto in = body.take<fuse_setattr_in>();
  Opening file(share, request.header.nodeid, (in.valid & FATTR_FH) != 0 ? in.fh : 0);
  output.set_epoch(share.changes.load());
  if (const int errnum = file.begin(share)) return errnum;
  if (const int errnum = set_owner(in)) return errnum;
  if ((in.valid & FATTR_SIZE) != 0) {
    if (const int errnum = set_size(file, in)) return errnum;
  }
  if ((in.valid & FATTR_MODE) != 0) {
    if (const int errnum = set_mode(file, in)) return errnum;
  }
  if ((in.valid & (FATTR_ATIME | FATTR_MTIME)) != 0) {
    if (const int errnum = set_times(file, in)) return errnum;
  }
  put_attributes(share, file.file().node, file.end(share), output);
  return 0;
}

int set_xattr(Share& share, const Request& request, Output&) {
  Body body(request.body);
  // The older, shorter form: FUSE_SETXATTR_EXT is not agreed on.
  const auto size = body.take<uint32_t>();
  const auto flags = body.take<uint32_t>();
  const std::string name = body.text(kMaxNameBytes);
  const auto value = body.take_bytes(size);
  if (value.size() > kMaxValueBytes) return E2BIG;
  if (!name.starts_with(kUserPrefix)) return EOPNOTSUPP;
  Opening file(share, request.header.nodeid, 0);
  int errnum = file.begin(share);
  if (errnum != 0) return errnum;
  const int opened = file.opened(errnum);
  if (opened < 0) return errnum == ELOOP ? EPERM : errnum;
  if (::fsetxattr(opened, name.c_str(), value.data(), value.size(), static_cast<int>(flags)) != 0) return errno;
  file.end(share);
  return 0;
}

int remove_xattr(Share& share, const Request& request, Output&) {
  Body body(request.body);
  const std::string name = body.text(kMaxNameBytes);
  if (!name.starts_with(kUserPrefix)) return EOPNOTSUPP;
  Opening file(share, request.header.nodeid, 0);
  int errnum = file.begin(share);
  if (errnum != 0) return errnum;
  const int opened = file.opened(errnum);
  if (opened < 0) return errnum == ELOOP ? EPERM : errnum;
  if (::fremovexattr(opened, name.c_str()) != 0) return errno;
  file.end(share);
  return 0;
}

}  // namespace caisson::share
