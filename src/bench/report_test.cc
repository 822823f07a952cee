// SPDX-License-Identifier: Apache-2.0

#include "bench/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caisson::bench {
namespace {

using testing::HasSubstr;

std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const base::Error& error) {
    return error.what();
  }
  return {};
}

Report report() {
  Results results{{"Starting",
                   {{.key = "run.warm", .name = "`run`", .unit = "ms", .values = {310, 330, 320}},
                    {.key = "exec", .name = "`exec`", .unit = "ms", .values = {20}, .failures = {"a | b"}},
                    {.key = "run.ratio", .name = "ratio", .unit = "×", .note = "no docker"},
                    {.key = "memory.available", .name = "memory", .unit = "MB", .failures = {"gone"}}}}};
  std::vector<Verdict> verdicts = judge(targets_for("tcg"), results);
  return {.machine = {{"cores", "2"}}, .results = std::move(results), .verdicts = std::move(verdicts)};
}

TEST(Judge, MetMissedFailedAndNotMeasured) {
  const std::vector<Verdict> verdicts = report().verdicts;
  ASSERT_EQ(verdicts.size(), 5U);
  EXPECT_EQ(verdicts[0].measured, "320.0 ms");
  EXPECT_EQ(verdicts[0].verdict, "**missed** by 20.0 ms (7 %)");
  EXPECT_EQ(verdicts[1].verdict, "not measured");
  EXPECT_TRUE(verdicts[2].met);
  EXPECT_EQ(verdicts[3].measured, "failed");
  EXPECT_EQ(verdicts[3].verdict, "gone");
  EXPECT_EQ(verdicts[4].verdict, "not measured");
}

TEST(Judge, KvmHasTargetsOfItsOwn) {
  EXPECT_EQ(targets_for("kvm")[0].limit, 100);
  EXPECT_EQ(targets_for("tcg")[0].limit, 300);
}

TEST(Attempt, KeepsTheReasonOfAFailure) {
  Row row;
  EXPECT_TRUE(attempt(row, [] { return 2.0; }));
  EXPECT_FALSE(attempt(row, []() -> double { throw base::Error("no"); }));
  EXPECT_EQ(row.values, std::vector<double>{2});
  EXPECT_EQ(row.failures, std::vector<std::string>{"no"});
}

TEST(AsMarkdown, ShowsFailuresInTheirRows) {
  const std::string text = as_markdown(report());
  EXPECT_THAT(text, HasSubstr("| `run` | 320.0 ms | 310.0 | 330.0 | 3 |  |\n"));
  EXPECT_THAT(text, HasSubstr("| `exec` | 20.0 ms | 20.0 | 20.0 | 1 of 2 | 1 failed: a \\| b |\n"));
  EXPECT_THAT(text, HasSubstr("| ratio | not measured | – | – | 0 | no docker |\n"));
  EXPECT_THAT(text, HasSubstr("| memory | failed | – | – | 0 of 1 | 1 failed: gone |\n"));
  EXPECT_THAT(text, HasSubstr("| cores | 2 |\n"));
}

TEST(AsText, HasNoMarks) {
  const std::string text = as_text(report());
  EXPECT_THAT(text, testing::Not(HasSubstr("`")));
  EXPECT_THAT(text, testing::Not(HasSubstr("**")));
  EXPECT_THAT(text, HasSubstr("missed by 20.0 ms"));
}

TEST(AsJson, HasEveryValue) {
  const base::Json json = as_json(report());
  EXPECT_EQ(json["rows"][0]["values"], base::Json({310, 330, 320}));
  EXPECT_EQ(json["rows"][0]["p50"], 320);
  EXPECT_FALSE(json["rows"][3].contains("p50"));
  EXPECT_EQ(json["targets"][2]["met"], true);
}

TEST(WithTables, ReplacesWhatIsBetweenTheMarkersOfItsPart) {
  const auto page = [](const std::string& commands, const std::string& gate) {
    return "a\n<!-- caisson-bench: begin -->\n" + commands + "<!-- caisson-bench: end -->\nb\n" +
           "<!-- caisson-bench gate: begin -->\n" + gate + "<!-- caisson-bench gate: end -->\nc\n";
  };
  const std::string old = page("old\n", "old\n");
  EXPECT_EQ(with_tables(old, "new\n", Part::kCommands), page("\nnew\n\n", "old\n"));
  EXPECT_EQ(with_tables(old, "new\n", Part::kGate), page("old\n", "\nnew\n\n"));
  EXPECT_EQ(with_tables(with_tables(old, "", Part::kGate), "new\n", Part::kGate), page("old\n", "\nnew\n\n"));
  EXPECT_THAT(error_of([] { with_tables("no markers", "new\n", Part::kGate); }),
              HasSubstr("no lines '<!-- caisson-bench gate: begin -->'"));
}

TEST(Judge, WhatIsToBeReachedIsMissedFromBelow) {
  Results results{{"Passing",
                   {{.key = "much", .name = "much", .unit = "×", .values = {0.9}},
                    {.key = "little", .name = "little", .unit = "×", .values = {0.6}}}}};
  const std::vector<Target> targets{{"much", "much", 0.8, Bound::kAtLeast}, {"little", "little", 0.8, Bound::kAtLeast}};
  const std::vector<Verdict> verdicts = judge(targets, results);
  EXPECT_EQ(verdicts.at(0).verdict, "met");
  EXPECT_EQ(verdicts.at(1).verdict, "**missed** by 0.20 × (25 %)");
  const std::string table = as_markdown({.machine = {}, .results = results, .verdicts = verdicts});
  EXPECT_THAT(table, HasSubstr("| little | ≥ 0.8 × | 0.60 × |"));
}

}  // namespace
}  // namespace caisson::bench
