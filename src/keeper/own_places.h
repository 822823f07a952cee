// SPDX-License-Identifier: Apache-2.0

// Caisson's own folders are not for sandboxes: whoever writes there chooses what other sandboxes may reach and run.
#pragma once

#include <string>
#include <vector>

namespace caisson::keeper {

// The paths, from the top of a workspace (a folder or file of this machine, without links), by which Caisson's data,
// cache, configuration and sockets are reached; a link on the way counts with what is behind it. Throws base::Error for
// a workspace that lies in one of them.
std::vector<std::string> own_places_in(const std::string& workspace);

}  // namespace caisson::keeper
