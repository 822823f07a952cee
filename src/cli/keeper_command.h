// SPDX-License-Identifier: Apache-2.0

// `caisson keeper …`: not for people; launch_keeper() starts it.
#pragma once

#include <string>
#include <vector>

namespace caisson::cli {

int run_keeper(const std::vector<std::string>& arguments);

}  // namespace caisson::cli
