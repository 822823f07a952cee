// SPDX-License-Identifier: Apache-2.0

// Where Caisson keeps things (XDG Base Directory Specification 0.8). Each function makes the folder (mode 0700) and
// returns its absolute path without a trailing slash; an unusable folder is an Error that names the variable to set.
#pragma once

#include <string>

namespace caisson::base {

// $XDG_DATA_HOME/caisson or ~/.local/share/caisson: sandboxes, their disks and records.
std::string data_folder();
// $XDG_CACHE_HOME/caisson or ~/.cache/caisson: images, kernels, templates; can be made again.
std::string cache_folder();
// $XDG_CONFIG_HOME/caisson or ~/.config/caisson.
std::string config_folder();
// $XDG_RUNTIME_DIR/caisson; where that is not set or not usable, /run/user/UID or $TMPDIR (/tmp) with caisson-UID,
// whose owner and mode are checked.
std::string runtime_folder();

}  // namespace caisson::base
