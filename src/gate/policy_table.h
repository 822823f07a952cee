// SPDX-License-Identifier: Apache-2.0

// The table [network] of a policy file (policy_file.h), for files that have more than it.
#pragma once

#include "gate/policy_file.h"
#include "gate/toml_text.h"

namespace caisson::gate {

// Into `file`. Throws a base::Error that names the line, what is wrong and the remedy.
void read_network_table(const toml::table& network, PolicyFile& file);

}  // namespace caisson::gate
