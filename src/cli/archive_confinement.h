// SPDX-License-Identifier: Apache-2.0

// What caisson-cp keeps while it works: see sys/helper_confinement.h.
#pragma once

#include "cli/archive_pack.h"
#include "cli/unpack_target.h"

namespace caisson::cli {

// Reading what is packed, and nothing else.
void confine_packing(const PackOptions& options);
// Making and changing files beneath the target's folder; reading none, there neither.
void confine_unpacking(const UserTarget& target);

}  // namespace caisson::cli
