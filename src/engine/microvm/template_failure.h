// SPDX-License-Identifier: Apache-2.0

// What making a template takes, and why one could not be made, in words that name the cause. A disk without space shows
// in the template's machine as a bus error or as a guest that stands still: engine/microvm/disk_space.h.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace caisson::engine::microvm {

// What a template of that much memory takes of the disk while it is made. Its RAM file is sparse: of a large memory a
// guest that has only come up has touched a part.
base::Bytes space_for_template(base::Bytes memory);

// The template's machine ended before it was complete; `how` as Vmm::wait() says it.
base::Error ended_early(std::string_view how);

}  // namespace caisson::engine::microvm
