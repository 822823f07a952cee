// SPDX-License-Identifier: Apache-2.0

// Ending a sandbox from outside, and doing one thing to many sandboxes.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/command.h"
#include "keeper/record.h"

namespace caisson::cli {

// Asks the keeper to stop the sandbox: orderly within `patience`, then by force. A keeper that cannot be
// reached or does not answer in time is killed; an error that it answers is thrown where the patience is not 0.
// Returns when the sandbox does not run any more; at once when it does not run now.
void stop_sandbox(const keeper::Sandbox& sandbox, std::chrono::seconds patience);

// There is no sandbox of that name any more.
bool is_gone(const std::string& name);

// Ends a sandbox that has not come to its command, and removes it with all that is in it. What goes wrong is said.
void abandon_sandbox(const std::string& name);

// Runs `work` for each name, prints the name when it worked, else the error; the rest is done all the same. Returns the
// exit code.
template <typename Work>
int for_each_name(const std::vector<std::string>& names, Work work) {
  int code = 0;
  for (const std::string& name : names) {
    try {
      work(name);
      fmt::print("{}\n", name);
    } catch (const base::Error& error) {
      warn(error.what());
      code = kOurFailure;
    }
  }
  return code;
}

}  // namespace caisson::cli
