// SPDX-License-Identifier: Apache-2.0

#include "cli/ending.h"

#include <filesystem>

#include "keeper/client.h"
#include "keeper/launch.h"

namespace caisson::cli {
namespace {

// Beyond the time that the guest's processes are given: for the guest to close its disks (keeper::kDiskCloseLimit), and
// for the keeper to clean up.
constexpr std::chrono::seconds kCleanUpTime{15};

}  // namespace

void stop_sandbox(const keeper::Sandbox& sandbox, std::chrono::seconds patience) {
  if (sandbox.state.status != keeper::Status::kRunning) return;
  try {
    keeper::Client client = keeper::Client::connect(sandbox);
    client.request("POST", "/v1/stop", {{"timeout_seconds", patience.count()}}, patience + kCleanUpTime);
  } catch (const keeper::ApiError& error) {
    // One that answers lives, and what it says is for the user, unless the sandbox was to have no time anyway.
    if (error.http_status() != 0 && patience.count() > 0) throw;
    // It hangs, or is ending by itself right now. Either way it is gone after this.
    keeper::kill_keeper(sandbox);
  }
}

bool is_gone(const std::string& name) {
  return !std::filesystem::exists(keeper::sandboxes_folder() + "/" + name);
}

void abandon_sandbox(const std::string& name) {
  try {
    stop_sandbox(keeper::read_sandbox(name), std::chrono::seconds(0));
    if (!is_gone(name)) keeper::remove_sandbox(keeper::read_sandbox(name));
  } catch (const base::Error& error) {
    // It may go by itself meanwhile.
    if (!is_gone(name)) warn(error.what());
  }
}

}  // namespace caisson::cli
