// SPDX-License-Identifier: Apache-2.0

// ledger.jsonl: what a sandbox did, one JSON object a line: {"time_unix_ms":N,"event":"exec",…}. Events: start, exec,
// exit, copy, limit, stop, policy, answer, and the gate's: name, connect, disconnect, request, more.
#pragma once

#include "base/json_reader.h"
#include "base/rotated_file.h"

namespace caisson::keeper {

class Ledger {
 public:
  explicit Ledger(const std::string& folder);
  // `details` is an object; its keys come behind "time_unix_ms" and "event". A line longer than 64 KiB loses its
  // details.
  void write(std::string_view event, const base::Json& details);

 private:
  base::RotatedFile file_;
};

}  // namespace caisson::keeper
