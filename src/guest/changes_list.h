// SPDX-License-Identifier: Apache-2.0

// What is in the upper folder of an overlay, as records (link/change_format.h). Runs in a process of its own
// (`caisson-init changes`), which may block.
#pragma once

#include "base/fd.h"
#include "guest/overlay_layers.h"

namespace caisson::guest {

struct ChangesOptions {
  bool content = false;
  const char* attributes = kOverlayAttributes;
};

// Reads the folder `upper` and writes the records, ended by one that says how it went. What vanishes meanwhile is left
// out. Throws base::Error only when `out` cannot be written to.
void list_changes(const base::Fd& upper, int out, const ChangesOptions& options);

// Whether the folder holds anything; a folder that cannot be read does.
bool has_entries(const base::Fd& folder);

}  // namespace caisson::guest
