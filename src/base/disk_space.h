// SPDX-License-Identifier: Apache-2.0

// Room on the disk that a folder is on.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace caisson::base {

// What is left for others by whoever fills a disk at somebody else's will: with less, a sandbox's machine that stands
// still for want of room does not go on.
inline constexpr Bytes kSpareSpace = mebibytes(64);

// What this user can still write to the file system of `folder`. Throws Error.
Bytes free_space(const std::string& folder);

// Throws no_space_left() where less than `needed` is free in `folder`.
void require_space(const std::string& folder, Bytes needed, const std::string& what, const std::string& remedy);
// "no space left for WHAT in 'FOLDER': N are needed, M are free"
Error no_space_left(const std::string& folder, Bytes free, Bytes needed, const std::string& what,
                    const std::string& remedy);

}  // namespace caisson::base
