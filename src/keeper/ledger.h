// SPDX-License-Identifier: Apache-2.0

// What a sandbox did, one JSON object a line: {"time_unix_ms":N,"event":"exec",…}. Events: start, exec, exit, copy,
// limit, stop, policy, answer, and the gate's: name, connect, disconnect, request, more. And lost: how many lines are
// missing here, because the disk had no room for them.
//
// A line is written when it happens, by the thread that serves the connections: a few microseconds, into the page cache
// and with no wait for the disk's own. On a full disk it fails at once. Where so much waits to be written on the host
// that the kernel slows down whoever writes, each line may be held for moments, and all connections with it; a disk
// that hangs holds them until it goes on, but the machine's own disk image is on the same one. So a thread of its own
// would save little, and lines that wait for it would be lost where the keeper is killed.
//
// In two files, each bounded: allowed.jsonl has the traffic that was allowed, ledger.jsonl all else. So a guest that
// may connect somewhere cannot push out of the ledger what it was refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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
  // None or one line for people: how many lines were lost. What the sandbox does goes on without them.
  std::vector<std::string> notes() const;

 private:
  struct File {
    File(const std::string& path, size_t max_bytes) : lines(path, max_bytes) {}
    base::RotatedFile lines;
    uint64_t missing = 0;  // lost lines that the file does not tell of yet
  };
  void append(File& file, const std::string& line);

  File file_;
  File allowed_;
  uint64_t lost_ = 0;
};

}  // namespace caisson::keeper
