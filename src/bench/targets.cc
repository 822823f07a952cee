// SPDX-License-Identifier: Apache-2.0

#include "bench/targets.h"

#include <fmt/format.h>

#include "bench/statistics.h"

namespace caisson::bench {
namespace {

Verdict judge_one(const Target& target, const Row* row) {
  Verdict verdict{.target = target, .unit = "", .measured = "–", .verdict = "not measured", .met = false};
  if (row == nullptr) return verdict;
  verdict.unit = row->unit;
  if (row->failed()) {
    if (row->failures.empty()) return verdict;
    verdict.measured = "failed";
    verdict.verdict = row->failures.front();
    return verdict;
  }
  const double median = summarise(row->values).median;
  const int digits = row->unit == "×" ? 2 : 1;
  verdict.measured = fmt::format("{:.{}f} {}", median, digits, row->unit);
  const double over = target.bound == Bound::kAtMost ? median - target.limit : target.limit - median;
  verdict.met = over <= 0;
  verdict.verdict = verdict.met ? "met"
                                : fmt::format("**missed** by {:.{}f} {} ({:.0f} %)", over, digits, row->unit,
                                              100 * over / target.limit);
  return verdict;
}

}  // namespace

std::vector<Target> targets_for(const std::string& accelerator) {
  const bool kvm = accelerator == "kvm";
  return {
      {"run.warm", "`caisson run -- true`, median", kvm ? 100.0 : 300.0},
      {"run.ratio", "no slower than `docker run --rm IMAGE true`, median, warm", 1.0},
      {"exec", "`caisson exec NAME true`, median", kvm ? 10.0 : 30.0},
      {"memory.available", "host memory for each idle sandbox", 60.0},
      {"at_once.caisson", "ten sandboxes started at once", 3000.0},
  };
}

std::vector<Verdict> judge(const std::vector<Target>& targets, const Results& results) {
  std::vector<Verdict> verdicts;
  verdicts.reserve(targets.size());
  for (const Target& target : targets) verdicts.push_back(judge_one(target, find_row(results, target.key)));
  return verdicts;
}

}  // namespace caisson::bench
