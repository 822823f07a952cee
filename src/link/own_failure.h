// SPDX-License-Identifier: Apache-2.0

// How the reason of a link's end begins when the fault is not the other end's: memory ran out in this process.
#pragma once

#include <string_view>

namespace caisson::link {

inline constexpr std::string_view kOwnFailure = "this end failed: ";

}  // namespace caisson::link
