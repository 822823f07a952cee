// SPDX-License-Identifier: Apache-2.0

// Taking changes back: away with them from an overlay's upper layer, beneath the overlay, which is mounted meanwhile.
// Runs in a process of its own (`caisson-init discard`), which may block.
//
// Why beneath: to unmount it would leave everything that stands in the workspace, which every command does, in an
// overlay of the past; to undo each change through it would leave copies of the host's files in the upper layer, which
// would go on to hide what the host changes later. The kernel calls what an overlay shows then undefined, but crashes
// for nothing; in fact it is what it remembers of names, and that is dropped afterwards (Mounted::forget_names()). A
// folder that is on the host, too, stays in the upper layer, emptied: a command that stands in it goes on.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "guest/overlay_layers.h"

namespace caisson::guest {

struct DiscardLayers {
  const base::Fd& upper;
  const base::Fd& lower;
  const char* attributes = kOverlayAttributes;
};

// The changes at the paths and below them, or all there are. What is not there is gone already. Throws base::Error.
void discard_changes(const DiscardLayers& layers, const std::vector<std::string>& paths);

}  // namespace caisson::guest
