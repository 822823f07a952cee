// SPDX-License-Identifier: Apache-2.0

// What a benchmark run has found. A measurement that failed stays in its row with the reason; nothing is left out.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"

namespace caisson::bench {

struct Row {
  std::string key;   // names it in the JSON and in the targets: "run.warm"
  std::string name;  // for people
  std::string unit;  // "ms", "MB", "×"
  std::string note = {};
  std::vector<double> values = {};
  std::vector<std::string> failures = {};  // why; one for each run that gave no value

  bool failed() const { return values.empty(); }
};

struct Section {
  std::string title;
  std::vector<Row> rows;
};

using Results = std::vector<Section>;

// Adds what `measure` returns, or why it failed. False when it failed.
inline bool attempt(Row& row, const std::function<double()>& measure) {
  try {
    row.values.push_back(measure());
    return true;
  } catch (const base::Error& error) {
    row.failures.emplace_back(error.what());
    return false;
  }
}

// What fails again and again is not tried for ever: each try may take as long as its time limit.
inline bool worth_another_try(const Row& row) {
  constexpr size_t kFailuresAllowed = 3;
  return row.failures.size() < kFailuresAllowed;
}

// Null when there is no such row.
inline const Row* find_row(const Results& results, const std::string& key) {
  for (const Section& section : results) {
    for (const Row& row : section.rows) {
      if (row.key == key) return &row;
    }
  }
  return nullptr;
}

}  // namespace caisson::bench
