// SPDX-License-Identifier: Apache-2.0

// Landlock, seccomp and capabilities, each in a child that then tries what it must not.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "sys/capabilities.h"
#include "sys/in_child_for_test.h"
#include "sys/landlock.h"
#include "sys/seccomp.h"

namespace caisson::sys {
namespace {

TEST(Landlock, ReadsOnlyWhatItWasGiven) {
  if (landlock_abi() == 0) GTEST_SKIP() << "this kernel has no Landlock";
  const LandlockRules rules = make_landlock_rules({"/etc", "/does/not/exist"});
  EXPECT_EQ(in_child([&] {
              if (set_no_new_privileges() != 0 || restrict_by_landlock(rules.ruleset.get()) != 0) return 100;
              if (errno_of_open("/etc/passwd", O_RDONLY) != 0) return 1;
              if (errno_of_open("/etc/passwd", O_WRONLY | O_APPEND) != EACCES) return 2;
              if (errno_of_open("/bin/sh", O_RDONLY) != EACCES) return 3;
              if (errno_of_open("/tmp/landlock-test", O_WRONLY | O_CREAT) != EACCES) return 4;
              return errno_of_open("/usr", O_RDONLY | O_DIRECTORY) == EACCES ? 0 : 5;
            }),
            0);
}

TEST(Seccomp, WhatIsNotOnTheListDoesNotExist) {
  FilterBuilder builder;
  // mmap: AddressSanitizer makes its shadow stack at the first call that needs one.
  for (const char* call : {"exit_group", "write", "getppid", "mmap", "a-call-that-no-kernel-has"}) builder.allow(call);
  builder.allow("tgkill", {{.argument = 0, .mask = ~0ULL, .value = kOwnPidMark}});
  builder.allow_or_pretend("fallocate", 0, 77);
  FilterProgram program = builder.build();
  EXPECT_EQ(in_child([&] {
              set_own_pid(program);
              const pid_t self = ::getpid();
              const pid_t parent = ::getppid();
              if (set_no_new_privileges() != 0 || load_filter(program, nullptr) != 0) return 100;
              if (::syscall(SYS_getppid) != parent) return 1;
              if (::socket(AF_UNIX, SOCK_STREAM, 0) != -1 || errno != ENOSYS) return 2;
              if (::syscall(SYS_tgkill, self, self, 0) != 0) return 3;
              if (::syscall(SYS_tgkill, parent, parent, 0) != -1 || errno != ENOSYS) return 4;
              if (::fallocate(77, 0, 0, 1) != 0) return 5;
              return ::fallocate(78, 0, 0, 1) == -1 && errno == EBADF ? 0 : 6;
            }),
            0);
}

TEST(Seccomp, AFilterThatIsNoProgramIsRefused) {
  EXPECT_EQ(in_child([] {
              const FilterProgram nonsense(1, sock_filter{.code = 0xffff, .jt = 0, .jf = 0, .k = 0});
              return set_no_new_privileges() == 0 && load_filter(nonsense, nullptr) == EINVAL ? 0 : 1;
            }),
            0);
}

TEST(Capabilities, NothingIsLeft) {
  EXPECT_EQ(in_child([] {
              if (drop_all_capabilities() != 0 || set_no_new_privileges() != 0) return 1;
              const std::string status = base::read_file("/proc/self/status");
              for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
                if (status.find(std::string(set) + ":\t0000000000000000") == std::string::npos) return 2;
              }
              return status.find("NoNewPrivs:\t1") != std::string::npos ? 0 : 3;
            }),
            0);
}

}  // namespace
}  // namespace caisson::sys
