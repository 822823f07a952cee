// SPDX-License-Identifier: Apache-2.0

#include "sys/helper_confinement.h"

#include <fcntl.h>

#include "base/error.h"
#include "sys/capabilities.h"
#include "sys/ordinary_calls.h"

namespace caisson::sys {
namespace {

// The first ABI that can allow a link or a rename between two folders; before, each ruleset forbids them.
constexpr int kAbiOfLinks = 2;

// Landlock judges which files they reach.
constexpr const char* kOpens[] = {"open", "openat", "openat2", "creat"};
constexpr const char* kChanges[] = {"mkdir",     "mkdirat", "unlink",    "unlinkat", "rmdir",  "rename",    "renameat",
                                    "renameat2", "symlink", "symlinkat", "link",     "linkat", "fallocate", "umask"};

// What the C library and fts(3) ask of a descriptor. Not F_SETOWN, which would send signals to others.
constexpr uint64_t kDescriptorCommands[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL};

void check(int errnum, const char* part) {
  if (errnum != 0)
    throw base::system_error("cannot confine what reads the archive with", part, errnum,
                             "the kernel must have Landlock and seccomp filters: see `caisson doctor`");
}

}  // namespace

HelperConfinement::HelperConfinement() : rules_(make_landlock_rules({})) {
  if (rules_.abi < kAbiOfLinks)
    throw base::Error("this kernel's Landlock is too old to confine what reads archives",
                      "a kernel from 5.19 on is needed");
  allow_ordinary_calls(filter_);
  for (const char* call : kOpens) filter_.allow(call);
  for (const uint64_t command : kDescriptorCommands)
    filter_.allow("fcntl", {{.argument = 1, .mask = UINT32_MAX, .value = command}});
}

void HelperConfinement::allow_reading(int descriptor) {
  allow_reading_beneath(rules_, descriptor);
}

void HelperConfinement::allow_changing(int descriptor) {
  allow_changing_beneath(rules_, descriptor);
  for (const char* call : kChanges) filter_.allow(call);
  // Landlock does not judge who changes modes and times: so only of what it let this process open, never by name.
  filter_.allow("fchmod");
  filter_.allow("utimensat", {{.argument = 1, .mask = ~0ULL, .value = 0}});
}

void HelperConfinement::enter() {
  FilterProgram program = filter_.build();
  set_own_pid(program);
  check(set_no_new_privileges(), "no_new_privs");
  check(restrict_by_landlock(rules_.ruleset.get()), "Landlock");
  rules_.ruleset.reset();
  check(load_filter(program, nullptr), "seccomp");
}

}  // namespace caisson::sys
