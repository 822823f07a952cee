// SPDX-License-Identifier: Apache-2.0

#include "vmm/jail_filter.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/prctl.h>

namespace caisson::vmm {
namespace {

constexpr uint64_t kExact = ~0ULL;

// Data and descriptors that are already open.
constexpr const char* kFiles[] = {
    "read",        "write",          "readv",           "writev",         "pread64",       "pwrite64",
    "preadv",      "pwritev",        "preadv2",         "pwritev2",       "lseek",         "close",
    "close_range", "fstat",          "fstatfs",         "newfstatat",     "stat",          "lstat",
    "statx",       "statfs",         "access",          "faccessat",      "faccessat2",    "readlink",
    "readlinkat",  "getdents64",     "getcwd",          "fcntl",          "dup",           "dup2",
    "dup3",        "pipe2",          "ioctl",           "fsync",          "fdatasync",     "sync_file_range",
    "ftruncate",   "fadvise64",      "eventfd2",        "signalfd4",      "epoll_create1", "epoll_ctl",
    "epoll_wait",  "epoll_pwait",    "epoll_pwait2",    "poll",           "ppoll",         "select",
    "pselect6",    "timerfd_create", "timerfd_settime", "timerfd_gettime"};

// On sockets that were inherited; there is no call here that makes or connects one.
constexpr const char* kSockets[] = {"sendmsg",     "sendto",     "recvmsg",    "recvfrom", "getsockname",
                                    "getpeername", "getsockopt", "setsockopt", "shutdown"};

constexpr const char* kMemory[] = {"mmap", "munmap", "mprotect", "mremap",    "madvise",
                                   "brk",  "msync",  "mincore",  "membarrier"};

// Threads, signals to itself, time, and facts about itself.
constexpr const char* kProcess[] = {"futex",
                                    "futex_waitv",
                                    "set_robust_list",
                                    "get_robust_list",
                                    "set_tid_address",
                                    "rseq",
                                    "gettid",
                                    "getpid",
                                    "getppid",
                                    "getuid",
                                    "geteuid",
                                    "getgid",
                                    "getegid",
                                    "getresuid",
                                    "getresgid",
                                    "getrandom",
                                    "sysinfo",
                                    "uname",
                                    "sched_yield",
                                    "sched_getaffinity",
                                    "sched_getparam",
                                    "sched_getscheduler",
                                    "getcpu",
                                    "exit",
                                    "exit_group",
                                    "restart_syscall",
                                    "rt_sigaction",
                                    "rt_sigprocmask",
                                    "rt_sigreturn",
                                    "rt_sigtimedwait",
                                    "rt_sigpending",
                                    "rt_sigsuspend",
                                    "sigaltstack",
                                    "arch_prctl",
                                    "seccomp",
                                    "clock_gettime",
                                    "clock_getres",
                                    "clock_nanosleep",
                                    "nanosleep",
                                    "gettimeofday",
                                    "time",
                                    "timer_create",
                                    "timer_settime",
                                    "timer_gettime",
                                    "timer_delete",
                                    "getrlimit",
                                    "getrusage"};

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
  filter.allow("tgkill", {{.argument = 0, .mask = kExact, .value = sys::kOwnPidMark}});
  filter.notify("execve");
  // Reading its own limits: the pid is 0, the new limit is no pointer.
  filter.allow("prlimit64", {{.argument = 0, .mask = kExact, .value = 0}, {.argument = 2, .mask = kExact, .value = 0}});
  for (const unsigned long option : kPrctls) filter.allow("prctl", {{.argument = 0, .mask = kExact, .value = option}});
}

}  // namespace

sys::FilterProgram jail_filter(int pretend_fd) {
  sys::FilterBuilder filter;
  for (const char* call : kFiles) filter.allow(call);
  for (const char* call : kSockets) filter.allow(call);
  for (const char* call : kMemory) filter.allow(call);
  for (const char* call : kProcess) filter.allow(call);
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
