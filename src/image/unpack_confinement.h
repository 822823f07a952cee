// SPDX-License-Identifier: Apache-2.0

// What the process that reads an image's archives keeps: see sys/helper_confinement.h. Besides its open descriptors and
// the tree that it fills, it keeps fakeroot's daemon, whose message queues it could have reached by name otherwise.
#pragma once

#include <string>

namespace caisson::image {

// For good, and without any capability. `tree` is the folder to be filled, "" for none. The process has one thread, and
// is to run under fakeroot already where it is to run under it at all. Throws base::Error.
void confine_unpacking(const std::string& tree);

}  // namespace caisson::image
