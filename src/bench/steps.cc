// SPDX-License-Identifier: Apache-2.0

#include "bench/steps.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/text.h"

namespace caisson::bench {
namespace {

struct KnownStage {
  const char* key;
  const char* name;
};

// src/keeper/exit.h
constexpr std::array<KnownStage, 6> kStages = {{
    {"keeper", "CLI: look at image and template, make the sandbox's files, start its keeper"},
    {"engine", "keeper: start the VMM behind its wall"},
    {"hello", "VMM: thaw the template, until init answers"},
    {"configured", "init: new identity, time and entropy"},
    {"mounted", "init: mount the workspace"},
    {"started", "init: start the command"},
}};

std::string name_of(const std::string& key) {
  const auto* known = std::find_if(kStages.begin(), kStages.end(), [&](const KnownStage& s) { return key == s.key; });
  return known == kStages.end() ? "until '" + base::escaped(key) + "'" : known->name;
}

}  // namespace

std::vector<Step> steps_of(int64_t began_us, const std::map<std::string, int64_t>& stages_us) {
  for (const KnownStage& stage : kStages) {
    if (!stages_us.contains(stage.key))
      throw base::Error(std::string("the sandbox's record has no stage '") + stage.key + "'");
  }
  std::vector<std::pair<int64_t, std::string>> ordered;
  for (const auto& [key, time_us] : stages_us) ordered.emplace_back(time_us, key);
  std::sort(ordered.begin(), ordered.end());
  std::vector<Step> steps;
  for (const auto& [time_us, key] : ordered) {
    if (time_us < began_us) throw base::Error("the stage " + base::in_quotes(key) + " is before the command's start");
    steps.push_back({key, name_of(key), static_cast<double>(time_us - began_us) / 1000});
    began_us = time_us;
  }
  return steps;
}

}  // namespace caisson::bench
