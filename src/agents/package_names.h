// SPDX-License-Identifier: Apache-2.0

// Names of packages as an agent's definition has them: a name of its kind with an exact version or none. Nothing that
// the kind's program could take for an option, a path, a URL or another source.
#pragma once

#include <string_view>

namespace caisson::agents {

// Throw base::Error: how it has to be written.
void check_apt_package(std::string_view text);  // "jq", "jq=1.6-2.1"
void check_npm_package(std::string_view text);  // "name", "@scope/name@1.2.3"
void check_pip_package(std::string_view text);  // "name", "name==1.2.3"

}  // namespace caisson::agents
