// SPDX-License-Identifier: Apache-2.0

// The guest's kernel: Debian's cloud kernel package, security-maintained by Debian, unpacked into the cache.
#pragma once

#include <string>

#include "base/progress.h"

namespace caisson::image {

struct Kernel {
  std::string vmlinuz;         // a bzImage, as the package has it
  std::string modules_folder;  // …/lib/modules/<release>
  std::string release;         // "6.1.0-56-cloud-amd64"
  std::string digest;          // SHA-256 of vmlinuz in hex: what templates are keyed by
};

// The kernel that the machine's apt sources offer now; downloaded when the cache does not have it, once, under a lock,
// made beside and renamed. When apt cannot say or fetch (no lists, no network), the newest kernel in the cache is used;
// an Error that says what to do where there is none. Works as an ordinary user. Any thread.
Kernel ensure_kernel(base::Progress& progress);

// The release of the kernel that was got last, "" where none is there. `cache` is base::cache_folder().
std::string current_kernel_release(const std::string& cache);

}  // namespace caisson::image
