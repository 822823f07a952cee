// SPDX-License-Identifier: Apache-2.0

#include "share/changing.h"

#include <fcntl.h>
#include <sys/stat.h>

namespace caisson::share {

int may_change(Share& share, const OpenNode& file, const struct stat& status) {
  if (const int errnum = check_shown(share, file, status)) return errnum;
  // By a name outside of the folder it is a file that is not shared. A share of one file is that file's, by any name.
  return file.node.id() == kRootId || share.hidden.all_inside(status) ? 0 : EPERM;
}

struct stat note_own_change(Share& share, const NodeRef& node, int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return {};
  share.nodes.with(node, [&](Node& known) {
    known.seen = content_of(status);
    known.own_change = true;
  });
  return status;
}

Change::Change(Share& share, uint64_t folder, const std::string& name)
    : share_(share), name_(name), folder_(open_node(share, folder)) {
  if (folder_.errnum != 0) {
    errnum_ = folder_.errnum;
  } else if (!folder_.node.is_folder()) {
    errnum_ = ENOTDIR;
  } else if (is_masked_name(share, folder_, name)) {
    errnum_ = EPERM;
  }
}

Change::~Change() {
  for (const uint32_t event : expected_) share_.watches.unexpect(folder_.node, name_, event);
}

void Change::expect(uint32_t event) {
  if (share_.watches.expect(folder_.node, name_, event)) expected_.push_back(event);
}

int Change::look(Looked& looked) {
  return share::look(share_, folder_, name_, looked);
}

bool Change::is_hidden() {
  struct stat status {};
  if (::fstatat(folder_.descriptor, name_.c_str(), &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) return false;
  Looked looked;
  return look(looked) == ENOENT;
}

int Change::tell(fuse_entry_out& entry) {
  Looked looked;
  if (const int errnum = look(looked)) return errnum;
  return share::tell(share_, folder_.node.id(), name_, std::move(looked), entry);
}

}  // namespace caisson::share
