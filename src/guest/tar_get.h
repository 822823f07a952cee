// SPDX-License-Identifier: Apache-2.0

// Writing a file or folder as a tar archive. Runs in a process of its own (`caisson-init tar-get`), which may block.
#pragma once

#include <string>

namespace caisson::guest {

// The archive's entries begin with the last part of `path` ("." for a path that ends in "/."). Holes, extended
// attributes and sockets are not kept; a file that shrinks meanwhile is filled up with zeros. Throws base::Error.
void tar_get(const std::string& path, bool follow_link, int out);

}  // namespace caisson::guest
