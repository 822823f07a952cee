// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "bench/machine.h"
#include "bench/sandboxes.h"
#include "bench/steps.h"

namespace caisson::bench {
namespace {

constexpr const char* kInspected = R"([{
  "name": "bench-1-1", "status": "running", "accelerator": "tcg", "keeper_pid": 12, "engine_pid": 13,
  "stages_us": {"keeper": 1000, "engine": 3000, "hello": 103000, "configured": 104000, "mounted": 104200,
                "started": 104500}}])";

TEST(ParseInspection, TakesWhatItNeedsOfTheList) {
  const Inspection sandbox = parse_inspection(kInspected);
  EXPECT_EQ(sandbox.accelerator, "tcg");
  EXPECT_EQ(sandbox.keeper_pid, 12);
  EXPECT_EQ(sandbox.engine_pid, 13);
  EXPECT_EQ(sandbox.stages_us.at("hello"), 103000);
}

TEST(ParseInspection, AnythingElseIsAnError) {
  EXPECT_THROW(parse_inspection(""), base::Error);
  EXPECT_THROW(parse_inspection("[]"), base::Error);
  EXPECT_THROW(parse_inspection(R"([{"accelerator": "tcg", "keeper_pid": "12"}])"), base::Error);
}

TEST(StepsOf, AreTheTimesBetweenTheStagesInTheirOrder) {
  const std::vector<Step> steps = steps_of(400, parse_inspection(kInspected).stages_us);
  std::vector<std::pair<std::string, double>> seen;
  for (const Step& step : steps) seen.emplace_back(step.key, step.milliseconds);
  EXPECT_THAT(seen, testing::ElementsAre(testing::Pair("keeper", 0.6), testing::Pair("engine", 2),
                                         testing::Pair("hello", 100), testing::Pair("configured", 1),
                                         testing::Pair("mounted", 0.2), testing::Pair("started", 0.3)));
  EXPECT_EQ(steps[4].name, "init: mount the workspace");
}

TEST(StepsOf, KeepAStageThatIsNewHere) {
  auto stages = parse_inspection(kInspected).stages_us;
  stages["mapped"] = 50000;
  const std::vector<Step> steps = steps_of(0, stages);
  ASSERT_EQ(steps.size(), 7U);
  EXPECT_EQ(steps[2].key, "mapped");
  EXPECT_EQ(steps[2].name, "until 'mapped'");
  EXPECT_EQ(steps[3].milliseconds, 53);
}

TEST(StepsOf, RefuseAMissingStageAndAnotherClock) {
  auto stages = parse_inspection(kInspected).stages_us;
  EXPECT_THROW(steps_of(2000, stages), base::Error);
  stages.erase("hello");
  EXPECT_THROW(steps_of(0, stages), base::Error);
}

TEST(ProcessorOf, SaysWhenTheMachineIsVirtual) {
  EXPECT_EQ(processor_of("processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu svm\n"), "Some CPU");
  EXPECT_EQ(processor_of("model name : Some CPU\nflags : fpu hypervisor\nmodel name : Some CPU\n"),
            "Some CPU (the machine is itself a virtual one)");
  EXPECT_EQ(processor_of(""), "unknown");
}

}  // namespace
}  // namespace caisson::bench
