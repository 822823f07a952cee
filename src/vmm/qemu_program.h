// SPDX-License-Identifier: Apache-2.0

// The QEMU that is installed on this host, and the files that it reads for itself.
#pragma once

#include <string>
#include <vector>

namespace caisson::vmm {

// Folders and files that the binary `qemu` needs to be loaded and to find its modules and firmware, itself included.
// Absolute; some may not exist.
std::vector<std::string> qemu_files(const std::string& qemu);

}  // namespace caisson::vmm
