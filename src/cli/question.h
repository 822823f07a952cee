// SPDX-License-Identifier: Apache-2.0

// A question with yes or no, on the user's terminal.
#pragma once

#include <string_view>

namespace caisson::cli {

// Whether there is somebody to ask: stdin and stderr are a terminal.
bool can_ask();

// "QUESTION [y/N] "; anything but y or yes, and the end of the input, is a no.
bool ask_yes(std::string_view question);

}  // namespace caisson::cli
