// SPDX-License-Identifier: Apache-2.0

// A sandbox whose command was killed before it had a keeper: it reads `created`, and nobody holds its lock.
#pragma once

#include <string>

namespace caisson::keeper {

// Removes the sandbox of that name when it is one, without waiting; whether it was, and is gone. Called by NewSandbox
// for its name, and by list_sandboxes. Whoever makes or runs a sandbox holds its lock from before the folder has its
// name, so none that is about to start is taken for one.
bool collect_abandoned(const std::string& name);

}  // namespace caisson::keeper
