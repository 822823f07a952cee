// SPDX-License-Identifier: Apache-2.0

// Any five bytes as the header of an exec frame: refused, or written as the same five bytes.

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/error.h"
#include "link/message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace caisson::link;
  if (size < kExecHeaderBytes) return 0;
  const std::span<const uint8_t, kExecHeaderBytes> bytes(data, kExecHeaderBytes);
  try {
    const ExecHeader header = decode_exec_header(bytes);
    if (header.length > kMaxExecFrameBytes) std::abort();
    std::array<uint8_t, kExecHeaderBytes> again;
    encode_exec_header(header, again);
    if (!std::ranges::equal(again, bytes)) std::abort();
  } catch (const caisson::base::Error&) {
  }
  return 0;
}
