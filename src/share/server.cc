// SPDX-License-Identifier: Apache-2.0

#include "share/server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <new>
#include <thread>

#include "base/error.h"
#include "share/operations.h"

namespace caisson::share {
namespace {

using Operation = int (*)(Share&, const Request&, Output&);

int not_known(Share&, const Request&, Output&) {
  return ENOSYS;
}

Operation operation_of(uint32_t opcode) {
  switch (opcode) {
    case FUSE_INIT:
      return initialise;
    case FUSE_DESTROY:
      return destroy;
    case FUSE_FORGET:
      return forget;
    case FUSE_BATCH_FORGET:
      return batch_forget;
    case FUSE_INTERRUPT:
      return interrupt;
    case FUSE_STATFS:
      return file_system_facts;
    case FUSE_LOOKUP:
      return look_up;
    case FUSE_GETATTR:
      return get_attributes;
    case FUSE_READLINK:
      return read_link;
    case FUSE_ACCESS:
      return check_access;
    case FUSE_OPEN:
      return open_file;
    case FUSE_READ:
      return read_file;
    case FUSE_LSEEK:
      return seek_file;
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
      return release;
    case FUSE_FLUSH:
      return flush;
    case FUSE_FSYNC:
    case FUSE_FSYNCDIR:
      return sync_file;
    case FUSE_OPENDIR:
      return open_folder;
    case FUSE_READDIR:
      return read_folder;
    case FUSE_READDIRPLUS:
      return read_folder_with_attributes;
    case FUSE_GETXATTR:
      return get_xattr;
    case FUSE_LISTXATTR:
      return list_xattrs;
    case FUSE_WRITE:
      return write_file;
    case FUSE_FALLOCATE:
      return allocate;
    case FUSE_COPY_FILE_RANGE:
      return copy_range;
    case FUSE_CREATE:
      return create_file;
    case FUSE_MKDIR:
      return make_folder;
    case FUSE_MKNOD:
      return make_special;
    case FUSE_SYMLINK:
      return make_symlink;
    case FUSE_LINK:
      return make_link;
    case FUSE_UNLINK:
      return remove_file;
    case FUSE_RMDIR:
      return remove_folder;
    case FUSE_RENAME:
      return rename;
    case FUSE_RENAME2:
      return rename_with_flags;
    case FUSE_SETATTR:
      return set_attributes;
    case FUSE_SETXATTR:
      return set_xattr;
    case FUSE_REMOVEXATTR:
      return remove_xattr;
    case FUSE_GETLK:
      return get_lock;
    case FUSE_SETLK:
    case FUSE_SETLKW:
      return set_lock;
    default:
      return not_known;
  }
}

bool changes_files(uint32_t opcode) {
  switch (opcode) {
    case FUSE_SETATTR:
    case FUSE_SYMLINK:
    case FUSE_MKNOD:
    case FUSE_MKDIR:
    case FUSE_UNLINK:
    case FUSE_RMDIR:
    case FUSE_RENAME:
    case FUSE_RENAME2:
    case FUSE_LINK:
    case FUSE_WRITE:
    case FUSE_CREATE:
    case FUSE_SETXATTR:
    case FUSE_REMOVEXATTR:
    case FUSE_FALLOCATE:
    case FUSE_COPY_FILE_RANGE:
      return true;
    default:
      return false;
  }
}

int carry_out(Share& share, const Request& request, Output& output) {
  if (share.read_only() && changes_files(request.header.opcode)) return EROFS;
  try {
    return operation_of(request.header.opcode)(share, request, output);
  } catch (const base::Error& error) {
    return error.errnum() != 0 ? error.errnum() : EIO;
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  }
}

void serve_requests(Share& share) {
  MessageBuffer buffer;
  Output output;
  while (const auto request = share.channel.receive(buffer)) {
    const fuse_in_header& header = request->header;
    if (!share.introduced && header.opcode != FUSE_INIT)
      throw base::Error("the guest's file system client breaks the protocol: it begins without INIT");
    output.clear();
    const int errnum = carry_out(share, *request, output);
    // What forgets and interrupts is not answered, whatever came of it.
    const bool silent =
        header.opcode == FUSE_FORGET || header.opcode == FUSE_BATCH_FORGET || header.opcode == FUSE_INTERRUPT;
    if (errnum != kNoAnswer && !silent) share.channel.answer(output, header.unique, errnum);
  }
}

// One of the threads: false where the guest broke the protocol, which ends the others as well.
bool serve_in_thread(Share& share) {
  try {
    serve_requests(share);
    return true;
  } catch (const std::exception& error) {
    fmt::print(stderr, "caisson-share: {}\n", error.what());
    share.channel.close();
    return false;
  }
}

// Where an answer can't be sent any more, the threads that receive notice the end.
void watch_changes(Share& share) {
  try {
    share.watches.run();
  } catch (const std::exception&) {
    share.channel.close();
  }
}

size_t descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<size_t>(limit.rlim_cur);
}

ShareOptions completed(ShareOptions options) {
  if (options.limits.descriptors == 0) options.limits.descriptors = descriptor_limit();
  return options;
}

struct stat checked_root(const base::Fd& root) {
  struct stat status {};
  if (::fstat(root.get(), &status) != 0) throw base::system_error("cannot look at", "the shared folder");
  if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode))
    throw base::Error("what is to be shared is neither a folder nor a regular file");
  return status;
}

// A quarter is left for what is opened for the time of one request, watches and the like.
NodeLimits node_limits(const ShareLimits& limits) {
  return {.nodes = limits.nodes, .descriptors = limits.descriptors / 4};
}

}  // namespace

Share::Share(ShareOptions given)
    : options(completed(std::move(given))),
      root(options.root.get()),
      root_device(checked_root(options.root).st_dev),
      masks(options.masks, options.unmask, options.own),
      nodes(options.root.duplicate(), checked_root(options.root), node_limits(options.limits)),
      places(nodes, masks, root),
      hidden(masks, root, options.limits.descriptors / 16),
      handles(options.limits.descriptors / 2),
      baseline(std::move(options.baseline), options.started_ns, options.limits.baseline_bytes),
      channel(options.channel.get(), changes),
      watches(
          {.nodes = nodes, .places = places, .channel = channel, .masks = masks, .hidden = hidden, .changes = changes},
          options.limits.watches),
      locks({.waiters = options.limits.lock_waiters, .owners = options.limits.descriptors / 16}) {
  const NodeRef top = nodes.find(kRootId);
  nodes.with(top, [this](Node& node) { node.mask_state = masks.top(); });
  watches.watch(top, root);
}

int serve(ShareOptions options) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  // Modes are what the guest's kernel has made of them.
  if (options.mode == Mode::kReadWrite) ::umask(0);
  prepare_interruptions();
  Share share(std::move(options));
  std::atomic<bool> in_order = true;
  std::thread watching([&] { watch_changes(share); });
  std::vector<std::thread> threads;
  for (size_t i = 1; i < share.options.limits.threads; ++i)
    threads.emplace_back([&] {
      if (!serve_in_thread(share)) in_order = false;
    });
  if (!serve_in_thread(share)) in_order = false;
  for (std::thread& thread : threads) thread.join();
  share.locks.stop();
  share.watches.stop();
  watching.join();
  return in_order ? 0 : 1;
}

}  // namespace caisson::share
