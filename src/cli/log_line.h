// SPDX-License-Identifier: Apache-2.0

// A line of the ledger as people read it.
#pragma once

#include <cstdint>
#include <string>

#include "base/json_reader.h"

namespace caisson::cli {

// With its end. The date is shown where it is not that of `now_unix_ms`, in the machine's time zone.
std::string log_line(const base::Json& entry, int64_t now_unix_ms);

// "2026-01-31T23:59:59.123Z", for programs.
std::string iso_time(int64_t unix_ms);

}  // namespace caisson::cli
