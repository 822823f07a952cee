// SPDX-License-Identifier: Apache-2.0

// The requests that list folders, with their entries' attributes or without.

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstddef>

#include "share/entries.h"
#include "share/operations.h"

namespace caisson::share {
namespace {

constexpr std::string_view kPadding("\0\0\0\0\0\0\0", 7);

std::unique_ptr<Handle> open_listing(const OpenNode& folder, int& errnum) {
  auto handle = std::make_unique<Handle>();
  handle->file = reopen(folder, O_RDONLY, errnum);
  if (!handle->file) return nullptr;
  handle->node = folder.node.id();
  handle->listing = std::make_unique<FolderListing>(handle->file.get());
  return handle;
}

bool is_dots(const std::string& name) {
  return name == "." || name == "..";
}

// Answers one READDIR or READDIRPLUS.
class Listing {
 public:
  Listing(Share& share, const OpenNode& folder, const fuse_read_in& in, Output& output)
      : share_(share),
        folder_(folder),
        output_(output),
        left_(std::min<size_t>(in.size, kMaxDataBytes)),
        mask_state_(share.nodes.with(folder.node, [](const Node& node) { return node.mask_state; })) {}

  int fill(FolderListing& from, bool with_attributes) {
    Entry entry;
    int errnum = 0;
    while (from.next(entry, errnum)) {
      const size_t bytes =
          FUSE_REC_ALIGN((with_attributes ? FUSE_NAME_OFFSET_DIRENTPLUS : FUSE_NAME_OFFSET) + entry.name.size());
      if (bytes > left_) return 0;
      const bool shown = with_attributes ? put_with_attributes(entry) : put(entry);
      if (shown) left_ -= bytes;
    }
    return output_.body_bytes() > 0 ? 0 : errnum;
  }

 private:
  bool put(const Entry& entry) {
    if (!is_dots(entry.name)) {
      const auto step = share_.masks.step(mask_state_, entry.name, folder_.node.id() == kRootId);
      Looked looked;
      if (step.masked) {
        (void)share_.hidden.met(folder_.descriptor, entry.name);
        return false;
      }
      const bool doubtful = step.token_holder || share_.hidden.may_hide({folder_.node.file().device, entry.inode});
      if (doubtful && look(share_, folder_, entry.name, looked) != 0) return false;
    }
    put_name(entry, entry.inode, entry.type);
    return true;
  }

  bool put_with_attributes(const Entry& entry) {
    fuse_entry_out told{};
    if (!is_dots(entry.name)) {
      Looked looked;
      const int errnum = glance(entry.name, looked);
      if (errnum == ENOENT) return false;
      // Without a node id the guest asks for it when it wants it: by a LOOKUP, which says what is wrong.
      if (errnum == 0 && looked.status.st_dev == folder_.node.file().device)
        (void)tell(share_, folder_.node.id(), entry.name, std::move(looked), told);
    }
    output_.put_entry(told);
    put_name(entry, told.nodeid != 0 ? told.attr.ino : entry.inode, entry.type);
    return true;
  }

  // As look(), without a descriptor for each of what may be a million files.
  int glance(const std::string& name, Looked& looked) {
    looked.mask = share_.masks.step(mask_state_, name, folder_.node.id() == kRootId);
    looked.era = folder_.era;
    if (looked.mask.masked || looked.mask.token_holder) return look(share_, folder_, name, looked);
    if (::fstatat(folder_.descriptor, name.c_str(), &looked.status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0)
      return errno;
    return share_.hidden.hides(folder_.descriptor, looked.status, name) ? ENOENT : 0;
  }

  void put_name(const Entry& entry, uint64_t inode, uint8_t type) {
    fuse_dirent fixed{};
    fixed.ino = inode;
    fixed.off = entry.next;
    fixed.namelen = static_cast<uint32_t>(entry.name.size());
    fixed.type = type;
    output_.put_bytes({reinterpret_cast<const char*>(&fixed), FUSE_NAME_OFFSET});
    output_.put_bytes(entry.name);
    output_.put_bytes(kPadding.substr(0, FUSE_REC_ALIGN(entry.name.size()) - entry.name.size()));
  }

  Share& share_;
  const OpenNode& folder_;
  Output& output_;
  size_t left_;
  Masks::State mask_state_;
};

int list(Share& share, const Request& request, Output& output, bool with_attributes) {
  Body body(request.body);
  const auto in = body.take<fuse_read_in>();
  const OpenNode folder = open_node(share, request.header.nodeid);
  if (folder.errnum != 0) return folder.errnum;
  if (!folder.node.is_folder()) return ENOTDIR;
  watch(share, folder, output);
  std::shared_ptr<Handle> handle = share.handles.find(in.fh, request.header.nodeid);
  if (!handle && share.folders_need_no_handle) {
    int errnum = 0;
    handle = open_listing(folder, errnum);
    if (!handle) return errnum;
  }
  if (!handle || !handle->listing) return EBADF;
  const std::lock_guard turn(handle->reading);
  if (const int errnum = handle->listing->seek(in.offset)) return errnum;
  return Listing(share, folder, in, output).fill(*handle->listing, with_attributes);
}

}  // namespace

int open_folder(Share& share, const Request& request, Output& output) {
  Body body(request.body);
  body.take<fuse_open_in>();
  // The guest's kernel then keeps what it has read of folders until it hears that one has changed, and asks no more.
  if (share.folders_need_no_handle) return ENOSYS;
  const OpenNode folder = open_node(share, request.header.nodeid);
  if (folder.errnum != 0) return folder.errnum;
  if (!folder.node.is_folder()) return ENOTDIR;
  int errnum = 0;
  std::shared_ptr<Handle> handle = open_listing(folder, errnum);
  if (!handle) return errnum;
  fuse_open_out out{};
  out.fh = share.handles.add(std::move(handle));
  if (out.fh == 0) return ENFILE;
  output.put(out);
  return 0;
}

int read_folder(Share& share, const Request& request, Output& output) {
  return list(share, request, output, false);
}

int read_folder_with_attributes(Share& share, const Request& request, Output& output) {
  return list(share, request, output, true);
}

}  // namespace caisson::share
