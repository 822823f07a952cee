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

// What ensure_initramfs() remembers: the file `record` in `folder` names one of the archives there and its size.
void record_initramfs(const std::string& record, const std::string& digest, size_t size);
// The path of that archive; "" where there is none, or one of another size, which has to be made again.
std::string recorded_initramfs(const std::string& folder, const std::string& record);

}  // namespace caisson::image
