// SPDX-License-Identifier: Apache-2.0

// What a freshly cloned child says to its parent when a step before exec fails. Code between clone and exec must not
// allocate, throw or take locks (another thread of the parent may have held them), so each such function here is marked
// "child side", returns 0 or an errno, and works only on memory that was made before.
#pragma once

#include <cerrno>

namespace caisson::sys {

// 0 for success, else errno: turns a system call's -1 into its errno.
inline int result_of(long returned) {
  return returned < 0 ? errno : 0;
}

}  // namespace caisson::sys
