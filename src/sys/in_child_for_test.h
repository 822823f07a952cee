// SPDX-License-Identifier: Apache-2.0

// What a confined process can't do is tried in a child, which says by its exit code what was wrong.
#pragma once

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/process.h"
#include "sys/namespaces.h"

namespace caisson::sys {

// Runs `body` in a child; its exit code. A child that was killed gives 128 and the signal's number. (Not by _exit(3),
// before which AddressSanitizer makes a system call that a filter may not allow.)
template <typename Body>
int in_child(Body body) {
  const CloneResult cloned = clone_process(0);
  if (cloned.pid == 0) ::syscall(SYS_exit_group, body());
  base::Child child(cloned.pid, base::Fd(cloned.pidfd));
  const base::ExitStatus status = child.wait();
  return status.signal != 0 ? 128 + status.signal : status.code;
}

inline int errno_of(long returned) {
  return returned < 0 ? errno : 0;
}

inline int errno_of_open(const char* path, int flags) {
  const int file = ::open(path, flags | O_CLOEXEC, 0600);
  const int errnum = errno_of(file);
  if (file >= 0) ::close(file);
  return errnum;
}

}  // namespace caisson::sys
