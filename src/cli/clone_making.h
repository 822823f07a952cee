// SPDX-License-Identifier: Apache-2.0

// The workspaces of mode clone of a sandbox that is being made.
#pragma once

#include <string>

#include "spec/sandbox_spec.h"

namespace caisson::cli {

// Throws base::Error where one can't be made: before anything that takes its time.
void check_clones(const spec::SandboxSpec& spec);

// Makes them in the sandbox's folder, and says what the user is to know of them. Throws base::Error.
void make_clones(const spec::SandboxSpec& spec, const std::string& sandbox_folder);

}  // namespace caisson::cli
