// SPDX-License-Identifier: Apache-2.0

// Any bytes as an index. What has no flaw has no entry that leads out of a working tree or into a repository's folder;
// that is the unit tests' to say: here it is that nothing is read beyond the end.

#include <cstddef>
#include <cstdint>
#include <string>

#include "changes/git_index.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  caisson::changes::flaw_of_index(text);
  caisson::changes::entries_of_index(text);
  return 0;
}
