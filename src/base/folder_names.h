// SPDX-License-Identifier: Apache-2.0

// What is in a folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace caisson::base {

// The names in a folder but "." and "..", in the order of their bytes (unsigned, as char_traits<char> compares them).
// `folder` is a descriptor of the caller's making, at the listing's beginning; it is closed. `name` is for errors.
// Throws Error, also where there are more than `most`.
std::vector<std::string> folder_names(Fd folder, std::string_view name, size_t most = SIZE_MAX);

}  // namespace caisson::base
