// SPDX-License-Identifier: Apache-2.0

#include <exception>

#include "cli/command.h"
#include "cli/keeper_command.h"
#include "keeper/launch.h"

namespace caisson::cli {

int run_keeper(const std::vector<std::string>& arguments) {
  try {
    return keeper::keeper_main(arguments);
  } catch (const std::exception& error) {
    warn(error.what());  // stderr is keeper.log
    return kOurFailure;
  }
}

}  // namespace caisson::cli
