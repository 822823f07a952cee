// SPDX-License-Identifier: Apache-2.0

// The QMP commands that lie in QEMU's socket before it runs, so that a thaw costs no round trip.
#pragma once

#include "vmm/machine.h"

namespace caisson::vmm {

// The name by which freeze() refers to the device-state file that was handed over ahead.
inline constexpr const char* kStateName = "state";
// The id of these commands, by which their answers are known.
inline constexpr const char* kAheadId = "ahead";

// Writes them into our end of the QMP socket: the negotiation; for kTemplateClone the load of the device state; for
// kTemplateNew the state file's descriptor. Throws base::Error.
void send_ahead(int socket, const MachineConfig& config);

}  // namespace caisson::vmm
