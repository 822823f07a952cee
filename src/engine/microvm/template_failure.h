// SPDX-License-Identifier: Apache-2.0

// Why a template could not be made, in words that name the cause: a disk without space above all, which shows in the
// template's machine as a bus error or as a guest that stands still.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace caisson::engine::microvm {

// What a template of that much memory takes of the disk while it is made. Its RAM file is sparse: of a large memory a
// guest that has only come up has touched a part.
base::Bytes space_for_template(base::Bytes memory);

// Throws no_space_left() where less than `needed` is free.
void require_space(const std::string& folder, base::Bytes needed);
base::Error no_space_left(const std::string& folder, base::Bytes free, base::Bytes needed);

// Whether a disk has so little left that what happens now comes from that.
bool is_full(base::Bytes free);

// The template's machine ended before it was complete; `how` as Vmm::wait() says it.
base::Error ended_early(std::string_view how);

}  // namespace caisson::engine::microvm
