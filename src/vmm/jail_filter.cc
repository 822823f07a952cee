// SPDX-License-Identifier: Apache-2.0

#include "vmm/jail_filter.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include "sys/ordinary_calls.h"

namespace caisson::vmm {
namespace {

constexpr uint64_t kExact = ~0ULL;

// Devices of the guest that wait for many things at once.
constexpr const char* kEvents[] = {"eventfd2",        "signalfd4",      "epoll_create1", "epoll_ctl",
                                   "epoll_wait",      "epoll_pwait",    "epoll_pwait2",  "timerfd_create",
                                   "timerfd_settime", "timerfd_gettime"};

// What QEMU and the C library ask of a descriptor; with the locks of QEMU's on disk images. Not F_SETOWN and its like,
// which would send signals to processes outside, and no leases, which would hold up who opens the file.
constexpr uint64_t kDescriptorCommands[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD,     F_GETFL,
                                            F_SETFL, F_GETLK,         F_SETLK, F_OFD_GETLK, F_OFD_SETLK};

// Whether it is a terminal, how much there is to read, and what a disk image's device is like. KVM's are added as a
// class. None that changes a file's flags (FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR): an immutable disk could not be removed.
constexpr uint64_t kDeviceCommands[] = {TCGETS, FIONREAD, FIONBIO, BLKSSZGET, BLKPBSZGET, BLKGETSIZE64};
constexpr uint64_t kCommandsType = 0xff00;  // ioctl(2)'s numbers: the "type" is in these bits

// On sockets that were inherited; there is no call here that makes or connects one.
constexpr const char* kSockets[] = {"sendmsg",     "sendto",     "recvmsg",    "recvfrom", "getsockname",
                                    "getpeername", "getsockopt", "setsockopt", "shutdown"};

constexpr unsigned long kPrctls[] = {PR_SET_NAME,         PR_GET_NAME,         PR_SET_TIMERSLACK,
                                     PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP,
                                     PR_SET_SECCOMP,      PR_GET_DUMPABLE,     PR_CAPBSET_READ};

void add_commands(sys::FilterBuilder& filter) {
  for (const uint64_t command : kDescriptorCommands)
    filter.allow("fcntl", {{.argument = 1, .mask = UINT32_MAX, .value = command}});
  for (const uint64_t command : kDeviceCommands)
    filter.allow("ioctl", {{.argument = 1, .mask = UINT32_MAX, .value = command}});
  filter.allow("ioctl", {{.argument = 1, .mask = kCommandsType, .value = uint64_t{KVMIO} << 8}});
}

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
  add_commands(filter);
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
