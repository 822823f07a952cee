// SPDX-License-Identifier: Apache-2.0

// The result as a Markdown table (which reads well on a terminal too) and as JSON with every single value.
#pragma once

#include <string>
#include <vector>

#include "base/json_reader.h"
#include "bench/measure.h"

namespace caisson::bench {

// Processor, cores, memory, kernel, accelerator: what the numbers were measured on.
base::Json describe_machine();

std::string as_markdown(const base::Json& machine, const std::vector<Row>& rows);
base::Json as_json(const base::Json& machine, const std::vector<Row>& rows);

}  // namespace caisson::bench
