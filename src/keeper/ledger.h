// SPDX-License-Identifier: Apache-2.0

// What a sandbox did, one JSON object a line: {"time_unix_ms":N,"event":"exec",…}. Events: start, exec, exit, copy,
// limit, stop, policy, answer, and the gate's: name, connect, disconnect, request, more.
//
// In two files, each bounded: allowed.jsonl has the traffic that was allowed, ledger.jsonl all else. So a guest that
// may connect somewhere cannot push out of the ledger what it was refused.
#pragma once

#include "base/json_reader.h"
#include "base/rotated_file.h"

namespace caisson::keeper {

class Ledger {
 public:
  static constexpr size_t kMaxBytes = 8U << 20;  // of a file; each has an older one beside it

  explicit Ledger(const std::string& folder, size_t max_bytes = kMaxBytes);
  // `details` is an object; its keys come behind "time_unix_ms" and "event". In a line longer than 64 KiB the
  // long ones are shortened ("…" at their end); where that is not enough they are left out.
  void write(std::string_view event, const base::Json& details);

 private:
  base::RotatedFile file_;
  base::RotatedFile allowed_;
};

}  // namespace caisson::keeper
