// SPDX-License-Identifier: Apache-2.0

#include "link/fuse_init.h"

#include <algorithm>

namespace caisson::link {
namespace {

constexpr uint32_t kFusePageBytes = 4096;
constexpr uint32_t kWanted = FUSE_ASYNC_READ | FUSE_ATOMIC_O_TRUNC | FUSE_BIG_WRITES | FUSE_AUTO_INVAL_DATA |
                             FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO | FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES |
                             FUSE_CACHE_SYMLINKS | FUSE_NO_OPENDIR_SUPPORT | FUSE_HANDLE_KILLPRIV_V2 | FUSE_ABORT_ERROR;
// Where nothing can be written, locks among the guest's own processes are the guest's kernel's.
constexpr uint32_t kWantedForWriting = FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS;

}  // namespace

fuse_init_out fuse_init_answer(const fuse_init_in& in, bool read_only) {
  fuse_init_out out{};
  out.major = FUSE_KERNEL_VERSION;
  out.minor = FUSE_KERNEL_MINOR_VERSION;
  out.max_readahead = std::min<uint32_t>(in.max_readahead, kMostFuseDataBytes);
  out.flags = in.flags & (kWanted | (read_only ? 0 : kWantedForWriting));
  out.max_background = 64;
  out.congestion_threshold = 48;
  out.max_write = kMostFuseDataBytes;
  out.time_gran = 1;
  out.max_pages = kMostFuseDataBytes / kFusePageBytes;
  return out;
}

}  // namespace caisson::link
