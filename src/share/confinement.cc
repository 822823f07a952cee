// SPDX-License-Identifier: Apache-2.0

#include "share/confinement.h"

#include <fcntl.h>
#include <sched.h>

#include "base/error.h"
#include "sys/capabilities.h"
#include "sys/helper_confinement.h"

namespace caisson::share {
namespace {

// By descriptor all of them. The only sockets are the keeper's: none can be made.
constexpr const char* kReading[] = {"fgetxattr",        "flistxattr",    "inotify_add_watch",
                                    "inotify_rm_watch", "inotify_init1", "eventfd2",
                                    "recvfrom",         "sendto",        "shutdown"};
constexpr const char* kChanging[] = {"fsetxattr", "fremovexattr", "copy_file_range", "flock", "mknodat"};
constexpr uint64_t kLockCommands[] = {F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW};

}  // namespace

void confine(const ShareOptions& options) {
  if (const int errnum = sys::drop_all_capabilities())
    throw base::system_error("cannot give up", "the capabilities", errnum);
  sys::HelperConfinement confinement;
  confinement.allow_reading(options.root.get());
  sys::FilterBuilder& filter = confinement.filter();
  for (const char* call : kReading) filter.allow(call);
  // Threads, and no processes. (clone3 is not there: its flags are out of a filter's sight. The C library then takes
  // this.)
  constexpr uint64_t kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
  filter.allow("clone", {{.argument = 0, .mask = kThread, .value = kThread}});
  if (options.mode == Mode::kReadWrite) {
    confinement.allow_changing(options.root.get());
    for (const char* call : kChanging) filter.allow(call);
    for (const uint64_t command : kLockCommands)
      filter.allow("fcntl", {{.argument = 1, .mask = UINT32_MAX, .value = command}});
    // A link's own times: it can't be opened. The flag does not keep a taken-over server from naming another file,
    // whose times it could then set.
    filter.allow("utimensat", {{.argument = 3, .mask = UINT32_MAX, .value = AT_EMPTY_PATH}});
  }
  confinement.enter();
}

}  // namespace caisson::share
