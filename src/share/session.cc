// SPDX-License-Identifier: Apache-2.0

// The requests that are about the connection and the file system as a whole.

#include <fcntl.h>
#include <sys/statfs.h>

#include <algorithm>

#include "link/fuse_init.h"
#include "share/entries.h"
#include "share/operations.h"

namespace caisson::share {
namespace {

constexpr size_t kOldestInitBytes = 16;

}  // namespace

int initialise(Share& share, const Request& request, Output& output) {
  Body body(request.body);
  const auto in = body.take_at_least<fuse_init_in>(kOldestInitBytes);
  // A later major version asks again with ours; an earlier one has ended long ago.
  if (in.major > FUSE_KERNEL_VERSION) {
    fuse_init_out out{};
    out.major = FUSE_KERNEL_VERSION;
    out.minor = FUSE_KERNEL_MINOR_VERSION;
    output.put(out);
    return 0;
  }
  if (in.major < FUSE_KERNEL_VERSION || in.minor < link::kOldestFuseMinor) return EPROTO;
  share.folders_need_no_handle = share.read_only() && (in.flags & FUSE_NO_OPENDIR_SUPPORT) != 0;
  share.introduced = true;
  output.put(link::fuse_init_answer(in, share.read_only()));
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
