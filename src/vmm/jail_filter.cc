// SPDX-License-Identifier: Apache-2.0

#include "vmm/jail_filter.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/prctl.h>

#include "sys/ordinary_calls.h"

namespace caisson::vmm {
namespace {

constexpr uint64_t kExact = ~0ULL;

// Devices of the guest that wait for many things at once, and KVM's ioctls.
constexpr const char* kEvents[] = {"fcntl",         "ioctl",          "eventfd2",        "signalfd4",
                                   "epoll_create1", "epoll_ctl",      "epoll_wait",      "epoll_pwait",
                                   "epoll_pwait2",  "timerfd_create", "timerfd_settime", "timerfd_gettime"};

// On sockets that were inherited; there is no call here that makes or connects one.
constexpr const char* kSockets[] = {"sendmsg",     "sendto",     "recvmsg",    "recvfrom", "getsockname",
                                    "getpeername", "getsockopt", "setsockopt", "shutdown"};

constexpr unsigned long kPrctls[] = {PR_SET_NAME,         PR_GET_NAME,         PR_SET_TIMERSLACK,
                                     PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP,
                                     PR_SET_SECCOMP,      PR_GET_DUMPABLE,     PR_CAPBSET_READ};

void add_opens(sys::FilterBuilder& filter) {
  constexpr unsigned kFlags = 2;
  constexpr uint64_t kMakes = O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
  filter.allow("openat", {{.argument = kFlags, .mask = O_ACCMODE | kMakes, .value = O_RDONLY}});
  filter.notify("openat", {{.argument = kFlags, .mask = O_ACCMODE, .value = O_WRONLY}});
  filter.notify("openat", {{.argument = kFlags, .mask = O_ACCMODE, .value = O_RDWR}});
}

void add_processes(sys::FilterBuilder& filter) {
  constexpr uint64_t kThread = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND;
  constexpr uint64_t kNamespaces =
      CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  // clone3's flags are in memory, out of a filter's reach; without it the C library takes clone.
  filter.allow("clone", {{.argument = 0, .mask = kThread | kNamespaces, .value = kThread}});
  filter.notify("execve");
  // Reading its own limits: the pid is 0, the new limit is no pointer.
  filter.allow("prlimit64", {{.argument = 0, .mask = kExact, .value = 0}, {.argument = 2, .mask = kExact, .value = 0}});
  for (const unsigned long option : kPrctls) filter.allow("prctl", {{.argument = 0, .mask = kExact, .value = option}});
}

}  // namespace

sys::FilterProgram jail_filter(int pretend_fd) {
  sys::FilterBuilder filter;
  sys::allow_ordinary_calls(filter);
  for (const char* call : kEvents) filter.allow(call);
  for (const char* call : kSockets) filter.allow(call);
  add_opens(filter);
  add_processes(filter);
  if (pretend_fd >= 0) {
    filter.allow_or_pretend("fallocate", 0, static_cast<uint64_t>(pretend_fd));
  } else {
    filter.allow("fallocate");
  }
  return filter.build();
}

}  // namespace caisson::vmm
