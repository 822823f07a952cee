// SPDX-License-Identifier: Apache-2.0

#include "sys/ordinary_calls.h"

namespace caisson::sys {
namespace {

// Data and descriptors that are already open.
constexpr const char* kFiles[] = {"read",
                                  "write",
                                  "readv",
                                  "writev",
                                  "pread64",
                                  "pwrite64",
                                  "preadv",
                                  "pwritev",
                                  "preadv2",
                                  "pwritev2",
                                  "lseek",
                                  "close",
                                  "close_range",
                                  "fstat",
                                  "fstatfs",
                                  "newfstatat",
                                  "stat",
                                  "lstat",
                                  "statx",
                                  "statfs",
                                  "access",
                                  "faccessat",
                                  "faccessat2",
                                  "readlink",
                                  "readlinkat",
                                  "getdents64",
                                  "getcwd",
                                  "dup",
                                  "dup2",
                                  "dup3",
                                  "pipe",
                                  "pipe2",
                                  "fsync",
                                  "fdatasync",
                                  "ftruncate",
                                  "fadvise64",
                                  "sync_file_range",
                                  "poll",
                                  "ppoll",
                                  "select",
                                  "pselect6"};

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

}  // namespace

void allow_ordinary_calls(FilterBuilder& filter) {
  for (const char* call : kFiles) filter.allow(call);
  for (const char* call : kMemory) filter.allow(call);
  for (const char* call : kProcess) filter.allow(call);
  filter.allow("tgkill", {{.argument = 0, .mask = ~0ULL, .value = kOwnPidMark}});
}

}  // namespace caisson::sys
