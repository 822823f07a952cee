// SPDX-License-Identifier: Apache-2.0

// From the kernel's initramfs to the sandbox's root file system, as PID 1 of a machine of its own.
#pragma once

#include "guest/guest.h"

namespace caisson::guest {

// Loads the modules, mounts, and makes the overlay of image and disk the root. Fills in guest.anchors and
// guest.cgroups. Throws base::Error: there is nothing to run then.
void boot(Guest& guest);

// The link's port, by its name "caisson.link" (there is no udev that would make /dev/virtio-ports). Throws.
base::Fd open_link_port();

}  // namespace caisson::guest
