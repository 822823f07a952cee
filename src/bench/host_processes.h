// SPDX-License-Identifier: Apache-2.0

// The processes of sandboxes, seen from the host: who is alive, and how much memory they have.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/runner.h"

namespace caisson::bench {

// The bytes behind `key` ("Pss:") in text of "key: number kB" lines, as /proc has them; an Error when there is none.
int64_t bytes_of_field(std::string_view text, std::string_view key);

// MemAvailable of /proc/meminfo.
int64_t available_bytes();
// The proportional set size of a process, and the part of it that is shared with no file (so no template, no program);
// an Error when it is gone or may not be looked at.
struct ProportionalSize {
  int64_t bytes = 0;
  int64_t anonymous_bytes = 0;
};
ProportionalSize proportional_size(int64_t pid);
// Microseconds for which the threads that it has now have run on a processor.
double processor_us(int64_t pid);
// A process with all below it, itself first.
std::vector<int64_t> process_tree(int64_t pid);

// A keeper outlives its CLI by the time that it takes to end the VMM and to delete the sandbox's files. So that this
// time does not fall into the next measurement, and nothing is left at the end, this process adopts them
// (PR_SET_CHILD_SUBREAPER) ...
void adopt_keepers();
// ... and waits until those that are left have ended; an Error when one does not within 30 s. For when no sandbox is
// meant to live.
void wait_for_keepers(const Runner& runner);

// Whether this is the command line (/proc/PID/cmdline) of a keeper.
bool is_keeper(std::string_view command_line);

}  // namespace caisson::bench
