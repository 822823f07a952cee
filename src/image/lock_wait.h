// SPDX-License-Identifier: Apache-2.0

// Waiting for a lock while the user is shown that we wait.
#pragma once

#include <string>
#include <string_view>

#include "base/file.h"
#include "base/progress.h"

namespace caisson::image {

// FileLock::acquire(); when another has the lock, `progress` gets the step `what` ("waiting for another caisson that
// makes the base image").
base::FileLock acquire_with_progress(const std::string& path, std::string_view what, base::Progress& progress);

}  // namespace caisson::image
