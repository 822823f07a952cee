// SPDX-License-Identifier: Apache-2.0

// How a command in a sandbox ended, as the keeper tells its clients: the payload of a kExit frame on the attach and
// exec connections (in place of the guest's own ExecResult).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/json_reader.h"
#include "link/services.h"

namespace caisson::keeper {

// CLOCK_MONOTONIC of the host, in microseconds, at which each stage of the sandbox's start was reached: "keeper" (main
// entered), "engine" (VMM spawned), "hello" (init answered), "configured", "started" (main command), "ended", "gone"
// (the name is free or the sandbox is stopped; only in the exit frame).
using Stages = std::map<std::string, int64_t>;

inline constexpr int kExitOurs = 125;      // the sandbox failed, not the command
inline constexpr int kExitTimedOut = 124;  // --timeout ended it

// The note of a sandbox whose machine was switched off before it had ended in good order.
inline constexpr const char* kCutOff =
    "it did not power off in time and was switched off: what it had not written to its disk is lost";

struct KeeperExit {
  int code = 0;    // what the client exits with: the command's, 128 + signal, or kExitTimedOut
  int signal = 0;  // the signal that ended the command, else 0
  std::vector<std::string>
      notes;         // one line each, for stderr, safe to print: limits that were hit, "the sandbox was stopped"
  Stages stages_us;  // of the main command only
  std::vector<std::string> allow = {};         // the rules for what a note says the network refused
  std::vector<std::string> own_networks = {};  // targets that it refused (refused_in_own_networks())
};

base::Json to_json(const KeeperExit& exit);
// Strict; throws base::Error.
KeeperExit exit_from_json(const base::Json& json);

// Which limits a sandbox has, for the words of the notes.
struct LimitWords {
  std::string memory;  // "2 GiB"
  std::string disk;
  unsigned pids = 0;
};

// What the guest reported about a command's end, made into a KeeperExit: notes name the limits that were hit while it
// ran.
KeeperExit make_exit(const link::ExecResult& result, const LimitWords& limits);

}  // namespace caisson::keeper
