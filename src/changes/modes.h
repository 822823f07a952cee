// SPDX-License-Identifier: Apache-2.0

// Which mode a file or folder gets by an apply: the guest's, as far as it opens nothing of the host's to other users.
// In the guest everything belongs to one user, and who makes something writable for all there means nobody on the host.
#pragma once

#include <cstdint>

#include "changes/host_root.h"

namespace caisson::changes {

// A file that runs with the rights of its owner or group: its mode stays as it is, and the bits go with its content, as
// by write(2).
bool is_privileged(const HostFile& file);

class Modes {
 public:
  // `umask` as in umask(2).
  explicit Modes(uint32_t umask) : umask_(umask & 0777U) {}
  // By this process's; other threads may set theirs meanwhile.
  static Modes of_this_process();

  // Of what is new.
  uint32_t of_new(uint32_t wanted) const { return wanted & 0777U & ~umask_; }
  // Of what takes the place of `old`, or was that: bits of the umask, and writing by group and others, it has only
  // where the old one has them. What of_new() left out is so no change afterwards.
  uint32_t of_old(uint32_t wanted, const HostFile& old) const {
    return wanted & 0777U & ~((umask_ | 0022U) & ~old.mode);
  }

 private:
  uint32_t umask_;
};

}  // namespace caisson::changes
