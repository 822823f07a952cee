// SPDX-License-Identifier: Apache-2.0

// The names of the machines' cgroups: "WHAT-STATE-RANDOM", for people WHAT (a sandbox's name, "template"). STATE is the
// beginning of the SHA-256 of the path of the user's state folder: it tells whose groups they are on a machine where
// several have sandboxes of the same names.
#pragma once

#include <string>
#include <string_view>

namespace caisson::engine::microvm {

// Another one at each call.
std::string new_group_name(std::string_view what, std::string_view state_folder);

}  // namespace caisson::engine::microvm
