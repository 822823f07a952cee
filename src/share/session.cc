// SPDX-License-Identifier: Apache-2.0

// The requests that are about the connection and the file system as a whole.

#include <fcntl.h>
#include <sys/statfs.h>

#include <algorithm>

#include "share/entries.h"
#include "share/operations.h"

namespace caisson::share {
namespace {

constexpr uint32_t kWanted = FUSE_ASYNC_READ | FUSE_ATOMIC_O_TRUNC | FUSE_BIG_WRITES | FUSE_AUTO_INVAL_DATA |
                             FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO | FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES |
                             FUSE_CACHE_SYMLINKS | FUSE_NO_OPENDIR_SUPPORT | FUSE_HANDLE_KILLPRIV_V2 | FUSE_ABORT_ERROR;
// Where nothing can be written, locks among the guest's own processes are the guest's kernel's.
constexpr uint32_t kWantedForWriting = FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS;
constexpr size_t kOldestInitBytes = 16;

}  // namespace

int initialise(Share& share, const Request& request, Output& output) {
  Body body(request.body);
  const auto in = body.take_at_least<fuse_init_in>(kOldestInitBytes);
  fuse_init_out out{};
  out.major = FUSE_KERNEL_VERSION;
  out.minor = FUSE_KERNEL_MINOR_VERSION;
  // A later major version asks again with ours; an earlier one has ended long ago.
  if (in.major > FUSE_KERNEL_VERSION) {
    output.put(out);
    return 0;
  }
  if (in.major < FUSE_KERNEL_VERSION || in.minor < kOldestMinor) return EPROTO;
  out.max_readahead = std::min<uint32_t>(in.max_readahead, kMaxDataBytes);
  out.flags = in.flags & (kWanted | (share.read_only() ? 0 : kWantedForWriting));
  out.max_background = 64;
  out.congestion_threshold = 48;
  out.max_write = kMaxDataBytes;
  out.time_gran = 1;
  out.max_pages = kMaxDataBytes / kPageBytes;
  share.folders_need_no_handle = share.read_only() && (in.flags & FUSE_NO_OPENDIR_SUPPORT) != 0;
  share.introduced = true;
  output.put(out);
  return 0;
}

// Its answer is waited for; the end of the stream follows.
int destroy(Share&, const Request&, Output&) {
  return 0;
}

int forget(Share& share, const Request& request, Output&) {
  Body body(request.body);
  share.nodes.forget(request.header.nodeid, body.take<fuse_forget_in>().nlookup);
  return kNoAnswer;
}

int batch_forget(Share& share, const Request& request, Output&) {
  Body body(request.body);
  const auto in = body.take<fuse_batch_forget_in>();
  for (uint32_t i = 0; i < in.count && body.left() >= sizeof(fuse_forget_one); ++i) {
    const auto one = body.take<fuse_forget_one>();
    share.nodes.forget(one.nodeid, one.nlookup);
  }
  return kNoAnswer;
}

int file_system_facts(Share& share, const Request&, Output& output) {
  struct statfs facts {};
  if (::fstatfs(share.root, &facts) != 0) return errno;
  fuse_statfs_out out{};
  out.st.blocks = facts.f_blocks;
  out.st.bfree = facts.f_bfree;
  out.st.bavail = facts.f_bavail;
  out.st.files = facts.f_files;
  out.st.ffree = facts.f_ffree;
  out.st.bsize = static_cast<uint32_t>(facts.f_bsize);
  out.st.namelen = std::min<uint32_t>(static_cast<uint32_t>(facts.f_namelen), kMaxNameBytes);
  out.st.frsize = static_cast<uint32_t>(facts.f_frsize);
  output.put(out);
  return 0;
}

}  // namespace caisson::share
