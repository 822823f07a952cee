// SPDX-License-Identifier: Apache-2.0

// The room on the host's disks, which a template, a sandbox's files and a machine that writes all need.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace caisson::engine::microvm {

// What this user can still write to the file system of `folder`.
base::Bytes free_space(const std::string& folder);

// Whether a disk has so little left that what happens now comes from that.
bool is_full(base::Bytes free);

// For a template in `folder`. Throws no_space_left() where less than `needed` is free.
void require_space(const std::string& folder, base::Bytes needed);
base::Error no_space_left(const std::string& folder, base::Bytes free, base::Bytes needed);

}  // namespace caisson::engine::microvm
