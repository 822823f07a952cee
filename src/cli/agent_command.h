// SPDX-License-Identifier: Apache-2.0

// caisson agent, whose commands are declared apart from those that every command's file knows.
#pragma once

#include "cli/command.h"

namespace caisson::cli {

void add_agent_command(CLI::App& app);

}  // namespace caisson::cli
