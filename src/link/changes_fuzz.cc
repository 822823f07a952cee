// SPDX-License-Identifier: Apache-2.0

// Any bytes as a list of changes: refused, or records that are written as the same bytes, each below the root, in
// order, and in a folder that was named.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "link/change_format.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace caisson::link;
  std::string again;
  std::string last;
  ChangeDecoder decoder({.record =
                             [&](const ChangeRecord& record) {
                               encode_change(record, again);
                               if (record.kind == ChangeKind::kEnd) return;
                               if (!flaw_of_path(record.path).empty()) std::abort();
                               if (!last.empty() && !comes_before(last, record.path)) std::abort();
                               last = record.path;
                             },
                         .content =
                             [&](std::span<const uint8_t> bytes) {
                               again.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
                             }});
  try {
    // The first byte says in which pieces it comes.
    const size_t step = size == 0 ? 1 : 1 + data[0] % 64;
    for (size_t at = size == 0 ? 0 : 1; at < size; at += step) decoder.feed({data + at, std::min(step, size - at)});
  } catch (const caisson::base::Error&) {
  }
  if (size > 0 && again.compare(0, again.size(), reinterpret_cast<const char*>(data + 1), again.size()) != 0)
    std::abort();
  return 0;
}
