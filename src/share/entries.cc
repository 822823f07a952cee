// SPDX-License-Identifier: Apache-2.0

#include "share/entries.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace caisson::share {
namespace {

constexpr uint64_t kShortSeconds = 1;
constexpr uint64_t kLongSeconds = 3600;
// Not all names that are not there are known here, should the host's kernel lose count of changes.
constexpr uint64_t kAbsentSeconds = 60;
constexpr size_t kMaxTokenFileBytes = 256 << 10;

// proc(5): opening it opens the file itself, not the path that the link shows.
std::string self_path(int descriptor) {
  return "/proc/self/fd/" + std::to_string(descriptor);
}

// One that is longer than any is masked, and one that can't be read here.
bool token_in_file(int file) {
  std::string text(kMaxTokenFileBytes, '\0');
  const ssize_t got = ::pread(file, text.data(), text.size(), 0);
  return got < 0 || static_cast<size_t>(got) == text.size() || holds_token({text.data(), static_cast<size_t>(got)});
}

bool token_in(int path_only) {
  struct stat status {};
  if (::fstat(path_only, &status) != 0) return true;
  if (!S_ISREG(status.st_mode)) return false;
  const base::Fd file(::open(self_path(path_only).c_str(), O_RDONLY | O_CLOEXEC));
  return !file || token_in_file(file.get());
}

}  // namespace

OpenNode open_node(Share& share, uint64_t id) {
  OpenNode open{.node = share.nodes.find(id)};
  if (!open.node) {
    open.errnum = ESTALE;
    return open;
  }
  open.era = share.places.era();
  open.doubts = share.places.doubts();
  const Opened opened = share.nodes.descriptor(open.node);
  open.descriptor = opened.descriptor;
  open.errnum = opened.errnum;
  if (open.errnum == 0 && opened.placed_era != open.era) open.errnum = share.places.check(open.node, opened.descriptor);
  return open;
}

base::Fd reopen(const OpenNode& file, int flags, int& errnum) {
  if (!file.node.is_regular() && !file.node.is_folder()) {
    errnum = file.node.is_link() ? ELOOP : EACCES;
    return {};
  }
  base::Fd opened;
  if (file.node.is_folder() && (flags & O_ACCMODE) == O_RDONLY) {
    // It has no other name to be opened by, and needs none.
    opened.reset(::openat(file.descriptor, ".", flags | O_DIRECTORY | O_CLOEXEC));
  } else {
    opened.reset(::open(self_path(file.descriptor).c_str(), flags | O_CLOEXEC | O_NOCTTY));
  }
  errnum = opened ? 0 : errno;
  if (errnum == EMFILE) errnum = ENFILE;
  return opened;
}

fuse_attr attributes_of(const Share& share, const struct stat& status) {
  fuse_attr attributes{};
  // Another file system's numbers may be equal to the top one's.
  const uint64_t other = status.st_dev == share.root_device ? 0 : (status.st_dev ^ share.root_device) << 40;
  attributes.ino = status.st_ino ^ other;
  attributes.size = static_cast<uint64_t>(status.st_size);
  attributes.blocks = static_cast<uint64_t>(status.st_blocks);
  attributes.atime = static_cast<uint64_t>(status.st_atim.tv_sec);
  attributes.mtime = static_cast<uint64_t>(status.st_mtim.tv_sec);
  attributes.ctime = static_cast<uint64_t>(status.st_ctim.tv_sec);
  attributes.atimensec = static_cast<uint32_t>(status.st_atim.tv_nsec);
  attributes.mtimensec = static_cast<uint32_t>(status.st_mtim.tv_nsec);
  attributes.ctimensec = static_cast<uint32_t>(status.st_ctim.tv_nsec);
  attributes.mode = status.st_mode & ~static_cast<mode_t>(S_ISUID | S_ISGID);
  attributes.nlink = static_cast<uint32_t>(status.st_nlink);
  attributes.uid = kGuestUser;
  attributes.gid = kGuestUser;
  attributes.blksize = static_cast<uint32_t>(status.st_blksize);
  return attributes;
}

namespace {

uint64_t attribute_seconds(Share& share, const NodeRef& node, const struct stat& status) {
  const NodeTable::Watched watched = share.nodes.watched(node);
  if (watched.shared_by_lock) return 0;
  // What is in a folder changes its times, and by another name a file is changed unseen.
  if (node.is_folder()) return watched.itself && watched.place ? kLongSeconds : kShortSeconds;
  return watched.place && (status.st_nlink == 1 || node.id() == kRootId) ? kLongSeconds : kShortSeconds;
}

}  // namespace

void put_attributes(Share& share, const NodeRef& node, const struct stat& status, Output& output) {
  output.put_attributes({.attr_valid = attribute_seconds(share, node, status),
                         .attr_valid_nsec = 0,
                         .dummy = 0,
                         .attr = attributes_of(share, status)});
}

void watch(Share& share, const OpenNode& folder, Output& output) {
  share.watches.watch(folder.node, folder.descriptor);
  output.set_epoch(share.changes.load());
}

int no_such_name(Share& share, const OpenNode& folder, Output& output) {
  if (!share.nodes.watched(folder.node).itself) return ENOENT;
  output.put_entry({.nodeid = 0,
                    .generation = 0,
                    .entry_valid = kAbsentSeconds,
                    .attr_valid = 0,
                    .entry_valid_nsec = 0,
                    .attr_valid_nsec = 0,
                    .attr = {}});
  return 0;
}

int check_shown(Share& share, const OpenNode& file, const struct stat& status) {
  const auto placed_ns = share.nodes.with(file.node, [](const Node& known) { return known.placed_ns; });
  if (placed_ns != nanoseconds(status.st_ctim)) {
    if (const int errnum = share.places.check(file.node, file.descriptor)) return errnum;
  }
  return share.hidden.hides(file.descriptor, status) ? ENOENT : 0;
}

bool token_came(Share& share, const NodeRef& node, int descriptor) {
  return share.nodes.with(node, [](const Node& known) { return known.token_holder; }) && token_in(descriptor);
}

bool is_masked_name(Share& share, const OpenNode& folder, const std::string& name) {
  const auto state = share.nodes.with(folder.node, [](const Node& node) { return node.mask_state; });
  return share.masks.step(state, name, folder.node.id() == kRootId).masked;
}

int look(Share& share, const OpenNode& folder, const std::string& name, Looked& looked) {
  const auto state = share.nodes.with(folder.node, [](const Node& node) { return node.mask_state; });
  looked.mask = share.masks.step(state, name, folder.node.id() == kRootId);
  looked.era = folder.era;
  int errnum = 0;
  if (!looked.mask.masked) {
    looked.descriptor = open_beneath(folder.descriptor, name, O_PATH | O_NOFOLLOW, errnum);
    if (!looked.descriptor) return errnum == EMFILE ? ENFILE : errnum;
    looked.mask.masked = looked.mask.token_holder && token_in(looked.descriptor.get());
  }
  if (looked.mask.masked) {
    (void)share.hidden.met(folder.descriptor, name);
    return ENOENT;
  }
  if (::fstat(looked.descriptor.get(), &looked.status) != 0) return errno;
  if (looked.status.st_dev != folder.node.file().device && !has_content(looked.descriptor.get())) return EACCES;
  return share.hidden.hides(looked.descriptor.get(), looked.status) ? ENOENT : 0;
}

int tell(Share& share, uint64_t parent, std::string_view name, Looked looked, fuse_entry_out& entry) {
  const NodeRef node = share.nodes.enter({.parent = parent,
                                          .name = name,
                                          .status = looked.status,
                                          .descriptor = std::move(looked.descriptor),
                                          .mask_state = looked.mask.state,
                                          .token_holder = looked.mask.token_holder,
                                          .placed_era = looked.era});
  if (share.nodes.is_crowded()) share.watches.ask_to_forget();
  if (!node) return ENFILE;
  entry = {};
  entry.nodeid = node.id();
  entry.entry_valid = share.nodes.watched(node).place ? kLongSeconds : kShortSeconds;
  entry.attr_valid = attribute_seconds(share, node, looked.status);
  entry.attr = attributes_of(share, looked.status);
  return 0;
}

}  // namespace caisson::share
