// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace caisson::cli {

const std::vector<std::string>& completion_shells();
// The script that a shell reads; throws base::Error for a shell that is not known.
std::string_view completion_script(std::string_view shell);

}  // namespace caisson::cli
