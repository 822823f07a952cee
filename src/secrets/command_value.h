// SPDX-License-Identifier: Apache-2.0

// A value that a command of the user's gives.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "secrets/definition.h"
#include "secrets/value.h"

namespace caisson::secrets {

inline constexpr std::chrono::seconds kCommandLimit{60};

struct CommandRun {
  // Where the command's own messages go; nothing: nowhere. They are in no error: they could have the value in them.
  std::optional<int> stderr_fd = {};
  std::chrono::seconds limit = kCommandLimit;
};

// Runs it and waits. Throws a base::Error that names the secret.
Value value_of_command(std::string_view secret, const Command& command, const CommandRun& run);

}  // namespace caisson::secrets
