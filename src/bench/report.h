// SPDX-License-Identifier: Apache-2.0

// The results as text for a terminal, as the Markdown of docs/numbers.md, and as JSON with every single value. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/json_reader.h"
#include "bench/machine.h"
#include "bench/results.h"
#include "bench/targets.h"

namespace caisson::bench {

struct Report {
  Facts machine;
  Results results;
  std::vector<Verdict> verdicts;
};

std::string as_text(const Report& report);
std::string as_markdown(const Report& report);
base::Json as_json(const Report& report);

// `page` with what is between two marker lines replaced by `tables`; an Error when they are not there. There is a pair
// for each part of the benchmark: "<!-- caisson-bench: begin -->", "<!-- caisson-bench gate: begin -->".
enum class Part { kCommands, kGate, kShare, kChanges };
std::string with_tables(const std::string& page, const std::string& tables, Part part);

}  // namespace caisson::bench
