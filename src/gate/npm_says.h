// SPDX-License-Identifier: Apache-2.0

// Asks npm for its built-in registry, which only npm knows. The one program that is run to find hosts.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "gate/registries.h"

namespace caisson::gate {

inline constexpr std::chrono::milliseconds kNpmTime{5000};

// What `npm config get registry` prints; nothing where npm is not installed, fails, or takes longer. Nothing of a
// workspace has a say: npm and what runs it are looked for in the absolute folders of PATH outside them, and not in one
// in which such a name leads into a workspace; it runs in the root folder, where no project is, and is told to read no
// settings; where HOME is in a workspace it is not run.
std::optional<std::string> npm_says(const RegistrySources& sources);
std::optional<std::string> npm_says_within(const RegistrySources& sources, std::chrono::milliseconds time);

}  // namespace caisson::gate
