// SPDX-License-Identifier: Apache-2.0

// Paths of an agent's definition.
#pragma once

#include <string_view>

namespace caisson::agents {

// Throw base::Error with how it has to be written.

// Of a file in the sandbox: "~/…" or "/etc/…", without "//", "." and "..".
void check_file_path(std::string_view path);

// Of a folder of the user's settings: "~/…" as above, one agent's and not many programs', and none that no sandbox
// sees.
void check_config_folder(std::string_view path);

}  // namespace caisson::agents
