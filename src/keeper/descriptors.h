// SPDX-License-Identifier: Apache-2.0

// Which of the keeper's descriptors are for what: a guest that uses up its own must not lock its owner out.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <cstddef>

namespace caisson::keeper {

// How many connections the published ports may have, and as many the gate; each costs one descriptor. What is left of
// the limit is for the API, the engine and files.
inline size_t descriptors_for_connections() {
  constexpr size_t kOthers = 256;
  constexpr size_t kLeast = 16;
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur <= kOthers) return kLeast;
  return std::max<size_t>(kLeast, (files.rlim_cur - kOthers) / 2);
}

}  // namespace caisson::keeper
