// SPDX-License-Identifier: Apache-2.0

// Which states of the host's files a sandbox has seen. A file of the host's that has not changed since the workspace
// was first served is one of them. Of those that changed later, the share notes the state in which the guest opened
// them: a JSON line in a log. What apply writes is noted there, too, since the sandbox has it.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>

#include "changes/host_root.h"

namespace caisson::changes {

// A longer log cannot be read. The share adds up to a bound of its own while it runs (ShareLimits in share/server.h),
// so an apply leaves room for that.
inline constexpr uint64_t kMostLogBytes = 256U << 20;
inline constexpr uint64_t kMostNotedBytes = 192U << 20;
inline constexpr uint64_t kMostStateBytes = 160;  // five numbers, of at most 20 digits

class Baseline {
 public:
  // `started_ns`: CLOCK_REALTIME. A log that is not there is an empty one.
  Baseline(int64_t started_ns, const std::string& log_path);

  // Whether the file, if there is one, is as the sandbox knows it.
  bool knows(const HostFile& file) const;

 private:
  int64_t started_ns_;
  std::unordered_set<std::string> seen_;
};

// The log's line for the state of a file.
std::string baseline_line(const HostFile& file);

}  // namespace caisson::changes
