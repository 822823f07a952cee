// SPDX-License-Identifier: Apache-2.0

#include "gate/questions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <map>

namespace caisson::gate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class QuestionsTest : public testing::Test {
 protected:
  QuestionsTest() { questions_->attend(); }

  // The answers go to answers_, by target, in the order in which they came.
  void ask(
      const std::string& target, std::function<bool()> open = [] { return true; }) {
    asio::co_spawn(io_, answered(target, std::move(open)), asio::detached);
    settle();
  }
  asio::awaitable<void> answered(std::string target, std::function<bool()> open) {
    const Answer answer = co_await questions_->ask(target, std::move(open));
    answers_[target].push_back(answer);
  }
  void settle() {
    io_.restart();
    while (io_.poll() != 0) {
    }
  }
  void answer(uint64_t id, Answer answer) {
    EXPECT_TRUE(questions_->answer(id, answer));
    settle();
  }
  std::vector<std::string> open() const {
    std::vector<std::string> targets;
    for (const Questions::Open& one : questions_->open()) targets.push_back(one.target);
    return targets;
  }
  void with_patience(std::chrono::seconds patience) {
    questions_ = std::make_unique<Questions>(io_.get_executor(), patience);
    questions_->attend();
  }

  asio::io_context io_;
  std::unique_ptr<Questions> questions_ = std::make_unique<Questions>(io_.get_executor(), std::chrono::hours(1));
  std::map<std::string, std::vector<Answer>> answers_;
};

TEST_F(QuestionsTest, ATargetIsAskedAboutOnceForAllThatWait) {
  ask("a:1");
  ask("b:1");
  ask("a:1");
  EXPECT_THAT(open(), ElementsAre("a:1", "b:1"));
  EXPECT_THAT(answers_, IsEmpty());
  answer(questions_->open()[0].id, Answer::kOnce);
  EXPECT_THAT(answers_["a:1"], ElementsAre(Answer::kOnce, Answer::kOnce));
  EXPECT_THAT(open(), ElementsAre("b:1"));
  EXPECT_FALSE(questions_->answer(1, Answer::kOnce)) << "answered twice";
  // Once is once.
  ask("a:1");
  EXPECT_THAT(open(), ElementsAre("b:1", "a:1"));
}

TEST_F(QuestionsTest, WhatWasDeniedIsNotAskedAboutAgain) {
  ask("a:1");
  answer(1, Answer::kDenied);
  ask("a:1");
  EXPECT_THAT(answers_["a:1"], ElementsAre(Answer::kDenied, Answer::kDenied));
  ask("a:2");
  EXPECT_THAT(open(), ElementsAre("a:2"));
}

TEST_F(QuestionsTest, ANoAnswerIsANoAndEndsAskingWhenItIsRepeated) {
  with_patience(std::chrono::seconds(0));
  for (size_t i = 0; i < Questions::kMostUnanswered; ++i) {
    asio::co_spawn(io_, answered("a:1", [] { return true; }), asio::detached);
    io_.restart();
    io_.run();
  }
  EXPECT_EQ(answers_["a:1"], std::vector<Answer>(Questions::kMostUnanswered, Answer::kUnanswered));
  ask("b:1");
  EXPECT_THAT(answers_["b:1"], ElementsAre(Answer::kNobody));
  questions_->attend();
  ask("c:1");
  EXPECT_NE(answers_["c:1"], std::vector{Answer::kNobody});
}

// It is not remembered as a no, and another who is still there can answer.
TEST_F(QuestionsTest, WithNobodyThereTheAnswerIsNoAtOnce) {
  ask("a:1");
  questions_->attend();
  questions_->leave();
  EXPECT_THAT(open(), ElementsAre("a:1"));
  questions_->leave();
  settle();
  EXPECT_THAT(answers_["a:1"], ElementsAre(Answer::kUnattended));
  for (size_t i = 0; i <= Questions::kMostUnanswered; ++i) ask("b:1");
  EXPECT_THAT(answers_["b:1"], testing::Each(Answer::kUnattended));
  EXPECT_THAT(open(), IsEmpty());
  questions_->attend();
  ask("a:1");
  ask("b:1");
  EXPECT_THAT(open(), ElementsAre("a:1", "b:1"));
}

TEST_F(QuestionsTest, AreBounded) {
  for (size_t i = 0; i <= Questions::kMostOpen; ++i) ask("n" + std::to_string(i));
  EXPECT_EQ(open().size(), Questions::kMostOpen);
  EXPECT_THAT(answers_["n" + std::to_string(Questions::kMostOpen)], ElementsAre(Answer::kTooMany));
  while (!questions_->open().empty()) answer(questions_->open()[0].id, Answer::kDenied);
  for (size_t i = Questions::kMostOpen; i < Questions::kMostDenied; ++i) {
    ask("m" + std::to_string(i));
    answer(questions_->open()[0].id, Answer::kDenied);
  }
  ask("one more");
  EXPECT_THAT(answers_["one more"], ElementsAre(Answer::kTooMany));
}

TEST_F(QuestionsTest, AChangedPolicyDecidesAndTheEndDenies) {
  bool undecided = true;
  ask("a:1", [&] { return undecided; });
  ask("b:1");
  const uint64_t changes = questions_->changes();
  undecided = false;
  questions_->recheck();
  settle();
  EXPECT_THAT(answers_["a:1"], ElementsAre(Answer::kDecided));
  EXPECT_THAT(open(), ElementsAre("b:1"));
  EXPECT_NE(questions_->changes(), changes);
  questions_->close();
  settle();
  EXPECT_THAT(answers_["b:1"], ElementsAre(Answer::kDenied));
  ask("c:1");
  EXPECT_THAT(answers_["c:1"], ElementsAre(Answer::kDenied));
}

}  // namespace
}  // namespace caisson::gate
