// SPDX-License-Identifier: Apache-2.0

// The system calls that a jailed QEMU may make: an allow list, besides QEMU's own -sandbox.
#pragma once

#include "sys/seccomp.h"

namespace caisson::vmm {

// What is not on the list fails with ENOSYS: socket(2) and connect(2), ptrace(2), mount(2), kill(2), io_uring, bpf,
// keyrings, … clone(2) makes threads only, tgkill(2) reaches the process itself only, prctl(2) can't take back the
// parent-death signal. openat(2) that could write or create, and execve(2), are handed to the Broker. fallocate(2) on
// descriptor `pretend_fd` returns 0 and does nothing: QEMU punches a hole into the RAM file before it gives a page back
// with madvise(2); in the read-only file of a clone that would fail, and the page be kept. -1: no such descriptor.
sys::FilterProgram jail_filter(int pretend_fd);

}  // namespace caisson::vmm
