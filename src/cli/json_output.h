// SPDX-License-Identifier: Apache-2.0

// JSON for stdout.
#pragma once

#include <string>

#include "base/json_reader.h"

namespace caisson::cli {

// Indented. Names, environments and reasons in it may come from an image or a guest: what is not ASCII is written as
// \uXXXX, so that nothing in it steers a terminal, and bytes that are no UTF-8 are replaced.
inline std::string printable_json(const base::Json& json) {
  return json.dump(2, ' ', true, base::Json::error_handler_t::replace);
}

}  // namespace caisson::cli
