// SPDX-License-Identifier: Apache-2.0

// The QEMU that is installed on this host, and the files that it reads for itself.
#pragma once

#include <string>
#include <vector>

#include "sys/wall.h"

namespace caisson::vmm {

// Folders and files that the binary `qemu` needs to be loaded and to find its modules and firmware, itself included.
// Absolute; some may not exist.
std::vector<std::string> qemu_files(const std::string& qemu);

// Whether QEMU can be told to load a seccomp filter of its own (-sandbox): Debian's small binary is built without it.
bool has_own_filter(const std::string& qemu);
// That as a part of the wall.
sys::WallPart own_filter_part(const std::string& qemu);

}  // namespace caisson::vmm
