// SPDX-License-Identifier: Apache-2.0

#include "bench/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

#include "base/error.h"

namespace caisson::bench {
namespace {

using std::chrono::seconds;

std::string failure_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const base::Error& error) {
    return error.what();
  }
  return "no failure";
}

TEST(Runner, GivesOutputAndTimes) {
  const Runner runner;
  const Outcome outcome = runner.run({"sh", "-c", "echo out; echo err >&2"});
  EXPECT_EQ(outcome.out, "out\n");
  EXPECT_EQ(outcome.err, "err\n");
  EXPECT_GT(outcome.milliseconds(), 0);
}

TEST(Runner, AFailureSaysWhatItWrote) {
  const Runner runner;
  EXPECT_EQ(failure_of([&] {
              runner.run({"sh", "-c", "echo no >&2; exit 3"});
            }),
            "'sh -c echo no >&2; exit 3' exited with 3: no");
}

TEST(Runner, WhatDoesNotEndIsKilledAndAFailure) {
  const Runner runner;
  EXPECT_EQ(failure_of([&] { runner.run({"sleep", "1000"}, seconds(0)); }), "'sleep 1000' did not end within 0 s");
}

TEST(Runner, AtOnceFailsWhenOneDoes) {
  const Runner runner;
  EXPECT_EQ(runner.run_at_once({{"true"}, {"true"}, {"true"}}).size(), 3U);
  EXPECT_EQ(failure_of([&] { runner.run_at_once({{"true"}, {"false"}}); }), "'false' exited with 1: ");
}

TEST(Runner, ASignalEndsTheWait) {
  const Runner runner;
  ::kill(::getpid(), SIGTERM);
  EXPECT_THROW(runner.rest(seconds(1000)), Interrupted);
}

TEST(Dialogue, HearsWhatItSaysAndTimesTheEnd) {
  const Runner runner;
  Dialogue cat(runner, {"cat"});
  cat.say("hello\n");
  cat.expect("hello\n");
  EXPECT_GE(cat.finish(), 0);
}

TEST(Dialogue, AnEarlyEndIsAFailure) {
  const Runner runner;
  Dialogue none(runner, {"sh", "-c", "echo sorry >&2"});
  EXPECT_THAT(failure_of([&] { none.expect("hello"); }), testing::HasSubstr("ended its output"));
}

}  // namespace
}  // namespace caisson::bench
