// SPDX-License-Identifier: Apache-2.0

// What there has to be room for on the host's disks: a template, and a machine that writes.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace caisson::engine::microvm {

// Whether a disk has so little left that what happens now comes from that.
bool is_full(base::Bytes free);

// For a template in `folder`. Throws no_space_left() where less than `needed` is free.
void require_space(const std::string& folder, base::Bytes needed);
base::Error no_space_left(const std::string& folder, base::Bytes free, base::Bytes needed);

}  // namespace caisson::engine::microvm
