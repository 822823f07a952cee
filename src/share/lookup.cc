// SPDX-License-Identifier: Apache-2.0

// The requests that find files, and those that ask what one is.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "share/entries.h"
#include "share/operations.h"

namespace caisson::share {

int look_up(Share& share, const Request& request, Output& output) {
  Body body(request.body);
  const std::string name = body.name();
  const OpenNode folder = open_node(share, request.header.nodeid);
  if (folder.errnum != 0) return folder.errnum;
  if (!folder.node.is_folder()) return ENOTDIR;
  watch(share, folder, output);
  Looked looked;
  if (const int errnum = look(share, folder, name, looked))
    return errnum == ENOENT ? no_such_name(share, folder, output) : errnum;
  fuse_entry_out entry{};
  if (const int errnum = tell(share, folder.node.id(), name, std::move(looked), entry)) return errnum;
  output.put_entry(entry);
  return 0;
}

int get_attributes(Share& share, const Request& request, Output& output) {
  Body body(request.body);
  const auto in = body.take<fuse_getattr_in>();
  const OpenNode file = open_node(share, request.header.nodeid);
  output.set_epoch(share.changes.load());
  if (!file.node) return ESTALE;
  struct stat status {};
  const auto handle =
      (in.getattr_flags & FUSE_GETATTR_FH) != 0 ? share.handles.find(in.fh, request.header.nodeid) : nullptr;
  // What was opened is there also when its name is gone.
  if (!handle && file.errnum != 0) return file.errnum;
  if (::fstat(handle ? handle->file.get() : file.descriptor, &status) != 0) return errno;
  put_attributes(share, file.node, status, output);
  return 0;
}

int read_link(Share& share, const Request& request, Output& output) {
  const OpenNode link = open_node(share, request.header.nodeid);
  if (link.errnum != 0) return link.errnum;
  if (!link.node.is_link()) return EINVAL;
  const auto target = output.room(kMaxTargetBytes + 1);
  const ssize_t got = ::readlinkat(link.descriptor, "", target.data(), target.size());
  if (got < 0) return errno;
  if (static_cast<size_t>(got) > kMaxTargetBytes) return ENAMETOOLONG;
  output.grow(static_cast<size_t>(got));
  return 0;
}

int check_access(Share& share, const Request& request, Output&) {
  Body body(request.body);
  const auto in = body.take<fuse_access_in>();
  if ((in.mask & ~static_cast<uint32_t>(R_OK | W_OK | X_OK)) != 0) return EINVAL;
  const OpenNode file = open_node(share, request.header.nodeid);
  if (file.errnum != 0) return file.errnum;
  if ((in.mask & W_OK) != 0 && share.read_only()) return EROFS;
  return ::faccessat(file.descriptor, "", static_cast<int>(in.mask), AT_EMPTY_PATH | AT_EACCESS) != 0 ? errno : 0;
}

}  // namespace caisson::share
