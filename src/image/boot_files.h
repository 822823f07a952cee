// SPDX-License-Identifier: Apache-2.0

// What a machine boots from, as it lies in the cache: kernels with their modules, and initramfs files.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"

namespace caisson::image {

// A digest over all modules of a kernel: of each file's path below `folder`, its size and its bytes, in the paths'
// order.
std::string modules_digest(const std::string& folder);

struct BootFileCheck {
  std::string what;    // "kernel", "initramfs"
  std::string digest;  // that it was stored with; "" where there is none
  base::Bytes size;
  std::string problem;  // "" when intact
};

// Reads everything below cache/kernels and cache/initramfs and compares digests. What has changed is removed, each kind
// under its lock, and made again by the next start; templates do not need it.
std::vector<BootFileCheck> verify_boot_files(const std::string& cache);

}  // namespace caisson::image
