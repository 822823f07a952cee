// SPDX-License-Identifier: Apache-2.0

// A program that takes a secret on its stdin or gives one on its stdout: never on its command line, which everybody on
// the machine can read.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/process.h"
#include "secrets/value.h"

namespace caisson::secrets {

struct ChildOptions {
  std::vector<std::string> argv;
  const Value* input = nullptr;  // nothing: stdin is /dev/null
  // Where its stderr goes; nothing: it is collected.
  std::optional<int> stderr_fd = {};
  std::optional<std::chrono::seconds> limit = {};
};

struct ChildResult {
  base::ExitStatus status;
  Value output;
  std::string error;  // what was collected of stderr, at most 4 KiB
};

// Runs it to its end. Throws base::Error where it cannot be run, gives more than a value can be, or has not ended
// within the limit (it is killed then).
ChildResult run_child(const ChildOptions& options);

}  // namespace caisson::secrets
