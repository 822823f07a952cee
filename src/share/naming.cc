// SPDX-License-Identifier: Apache-2.0

// The requests that make, move and remove names.

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include "share/changing.h"
#include "share/operations.h"

namespace caisson::share {
namespace {

// Answers with the entry that was made.
int tell_made(Change& change, Output& output) {
  change.done();
  fuse_entry_out entry{};
  if (const int errnum = change.tell(entry)) return errnum;
  output.put_entry(entry);
  return 0;
}

// A folder, or a link, below which something is masked by its path stays what it is: by another name it would be seen,
// and what another one leads to would be taken for it.
bool may_move(Share& share, const Looked& looked) {
  const bool leads_on = S_ISDIR(looked.status.st_mode) || S_ISLNK(looked.status.st_mode);
  return !leads_on || !share.masks.leads_to_masked(looked.mask.state);
}

void note_removed(Share& share, const Looked& removed) {
  if (const NodeRef node = share.nodes.find_file(id_of(removed.status)))
    share.hidden.carry_over(removed.status, note_own_change(share, node, removed.descriptor.get()), -1);
}

int remove(Share& share, const Request& request, bool folder) {
  Body body(request.body);
  const std::string name = body.name();
  Change change(share, request.header.nodeid, name);
  if (change.errnum() != 0) return change.errnum() == EPERM ? ENOENT : change.errnum();
  Looked looked;
  if (const int errnum = change.look(looked)) return errnum;
  if (!may_move(share, looked)) return EPERM;
  change.expect(IN_DELETE);
  {
    const auto names = share.hidden.change_names();
    if (::unlinkat(change.folder().descriptor, name.c_str(), folder ? AT_REMOVEDIR : 0) != 0) return errno;
  }
  change.done();
  note_removed(share, looked);
  return 0;
}

// What was found under `from` is now known under `to`.
void note_moved(Share& share, const Looked& moved, const Change& to) {
  const auto state = share.nodes.with(to.folder().node, [](const Node& folder) { return folder.mask_state; });
  const Masks::Step step = share.masks.step(state, to.name(), to.folder().node.id() == kRootId);
  // What is in it may be known, also where the folder itself is not.
  if (S_ISDIR(moved.status.st_mode) && step.state != moved.mask.state) {
    share.places.moved();
    share.hidden.folder_moved(true);
  }
  const NodeRef node = share.nodes.find_file(id_of(moved.status));
  if (!node) return;
  share.nodes.moved(node, to.folder().node.id(), to.name());
  share.nodes.with(node, [&](Node& known) {
    known.mask_state = step.state;
    known.token_holder = step.token_holder;
  });
  share.hidden.carry_over(moved.status, note_own_change(share, node, moved.descriptor.get()), 0);
}

struct Move {
  uint64_t to_folder;
  uint32_t flags;
  std::string from;
  std::string to;
};

int move(Share& share, const Request& request, const Move& wanted) {
  if ((wanted.flags & ~static_cast<uint32_t>(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0) return EINVAL;
  const bool exchange = (wanted.flags & RENAME_EXCHANGE) != 0;
  Change from(share, request.header.nodeid, wanted.from);
  Change to(share, wanted.to_folder, wanted.to);
  if (from.errnum() != 0) return from.errnum() == EPERM ? ENOENT : from.errnum();
  if (to.errnum() != 0) return to.errnum();
  Looked moved;
  Looked replaced;
  if (const int errnum = from.look(moved)) return errnum;
  const int there = to.look(replaced);
  if (there == ENOENT && to.is_hidden()) return EPERM;
  if (exchange && there != 0) return there;
  if (!may_move(share, moved) || (there == 0 && !may_move(share, replaced))) return EPERM;
  from.expect(IN_MOVED_FROM);
  to.expect(IN_MOVED_TO);
  if (exchange) {
    to.expect(IN_MOVED_FROM);
    from.expect(IN_MOVED_TO);
  }
  {
    const auto names = share.hidden.change_names();
    if (::renameat2(from.folder().descriptor, wanted.from.c_str(), to.folder().descriptor, wanted.to.c_str(),
                    wanted.flags) != 0)
      return errno;
  }
  from.done();
  to.done();
  note_moved(share, moved, to);
  if (exchange) {
    note_moved(share, replaced, from);
  } else if (there == 0) {
    note_removed(share, replaced);
  }
  return 0;
}

}  // namespace

int make_folder(Share& share, const Request& request, Output& output) {
  Body body(request.body);
  const auto in = body.take<fuse_mkdir_in>();
  const std::string name = body.name();
  Change change(share, request.header.nodeid, name);
  if (change.errnum() != 0) return change.errnum();
  output.set_epoch(share.changes.load());
  change.expect(IN_CREATE);
  if (::mkdirat(change.folder().descriptor, name.c_str(), folder_mode(in.mode)) != 0) return errno;
  return tell_made(change, output);
}

int make_special(Share& share, const Request& request, Output& output) {
  Body body(request.body);
  const auto in = body.take<fuse_mknod_in>();
  const std::string name = body.name();
  const mode_t type = in.mode & S_IFMT;
  if (type != S_IFREG && type != S_IFIFO && type != S_IFSOCK) return EPERM;
  Change change(share, request.header.nodeid, name);
  if (change.errnum() != 0) return change.errnum();
  output.set_epoch(share.changes.load());
  change.expect(IN_CREATE);
  if (::mknodat(change.folder().descriptor, name.c_str(), type | file_mode(in.mode), 0) != 0) return errno;
  return tell_made(change, output);
}

int make_symlink(Share& share, const Request& request, Output& output) {
  Body body(request.body);
  const std::string name = body.name();
  const std::string target = body.text(kMaxTargetBytes);
  if (target.empty()) return ENOENT;
  Change change(share, request.header.nodeid, name);
  if (change.errnum() != 0) return change.errnum();
  output.set_epoch(share.changes.load());
  change.expect(IN_CREATE);
  if (::symlinkat(target.c_str(), change.folder().descriptor, name.c_str()) != 0) return errno;
  return tell_made(change, output);
}

int make_link(Share& share, const Request& request, Output& output) {
  Body body(request.body);
  const auto in = body.take<fuse_link_in>();
  const std::string name = body.name();
  Change change(share, request.header.nodeid, name);
  if (change.errnum() != 0) return change.errnum();
  const OpenNode file = open_node(share, in.oldnodeid);
  if (file.errnum != 0) return file.errnum;
  if (file.node.is_folder()) return EPERM;
  struct stat status {};
  if (::fstat(file.descriptor, &status) != 0) return errno;
  if (const int errnum = check_shown(share, file, status)) return errnum;
  output.set_epoch(share.changes.load());
  // proc(5): the file itself, not the path that the link shows.
  const std::string self = "/proc/self/fd/" + std::to_string(file.descriptor);
  change.expect(IN_CREATE);
  {
    const auto names = share.hidden.change_names();
    if (::linkat(AT_FDCWD, self.c_str(), change.folder().descriptor, name.c_str(), AT_SYMLINK_FOLLOW) != 0)
      return errno;
  }
  share.hidden.carry_over(status, note_own_change(share, file.node, file.descriptor), 1);
  return tell_made(change, output);
}

int remove_file(Share& share, const Request& request, Output&) {
  return remove(share, request, false);
}

int remove_folder(Share& share, const Request& request, Output&) {
  return remove(share, request, true);
}

int rename(Share& share, const Request& request, Output&) {
  Body body(request.body);
  const auto in = body.take<fuse_rename_in>();
  Move wanted{.to_folder = in.newdir, .flags = 0, .from = body.name(), .to = {}};
  wanted.to = body.name();
  return move(share, request, wanted);
}

int rename_with_flags(Share& share, const Request& request, Output&) {
  Body body(request.body);
  const auto in = body.take<fuse_rename2_in>();
  Move wanted{.to_folder = in.newdir, .flags = in.flags, .from = body.name(), .to = {}};
  wanted.to = body.name();
  return move(share, request, wanted);
}

}  // namespace caisson::share
