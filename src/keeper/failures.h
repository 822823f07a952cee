// SPDX-License-Identifier: Apache-2.0

// Connections that were allowed and could not be made, for the end of a run.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_reader.h"

namespace caisson::keeper {

class Failures {
 public:
  static constexpr size_t kMostTargets = 64;

  // An event of the gate's (GateOptions::record), of which a failed connection counts.
  void note(std::string_view event, const base::Json& details);
  // None or one line: "2 connections failed: example.com:443 (reason)".
  std::vector<std::string> notes() const;

 private:
  uint64_t count_ = 0;
  std::map<std::string, std::string> reasons_;  // by target, of the first kMostTargets
};

}  // namespace caisson::keeper
