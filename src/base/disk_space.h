// SPDX-License-Identifier: Apache-2.0

// Room on the disk that a folder is on.
#pragma once

#include <string>

#include "base/bytes.h"

namespace caisson::base {

// What is left for others by whoever fills a disk at somebody else's will: with less, a sandbox's machine that stands
// still for want of room does not go on.
inline constexpr Bytes kSpareSpace = mebibytes(64);

// What this user can still write to the file system of `folder`. Throws Error.
Bytes free_space(const std::string& folder);

}  // namespace caisson::base
