// SPDX-License-Identifier: Apache-2.0

// The guest's initramfs: caisson-init as /init, the kernel modules that it loads (/modules/NAME.ko) and the order to
// load them in (/modules/order, one file name a line). Uncompressed: decompressing costs an emulated CPU more than
// reading.
#pragma once

#include <string>

#include "image/kernel.h"

namespace caisson::image {

// The path of the initramfs for this kernel and the installed caisson-init, made in the cache when it is missing. Its
// name is the digest of its content, so a new init or kernel is a new file. Safe to be run by many processes at once;
// any thread.
std::string ensure_initramfs(const Kernel& kernel);

}  // namespace caisson::image
