// SPDX-License-Identifier: Apache-2.0

#include "cli/asking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <unistd.h>

#include <array>

namespace caisson::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class AskingTest : public testing::Test {
 protected:
  AskingTest() { base::set_nonblocking(screen_.first.get(), true); }
  static base::FdPair make_terminal() {
    int master = -1;
    int terminal = -1;
    EXPECT_EQ(openpty(&master, &terminal, nullptr, nullptr, nullptr), 0);
    return {base::Fd(master), base::Fd(terminal)};
  }
  void tell(const std::string& line) {
    base::write_all(keeper_.get(), line + "\n", "the loop");
    asking_.receive();
  }
  static std::string question(uint64_t id, const std::string& target) {
    return R"({"id":)" + std::to_string(id) + R"(,"target":")" + target + R"(","seconds_left":30})";
  }
  // What was printed since the last time, or at first.
  std::string screen() {
    std::array<char, 4096> buffer{};
    const ssize_t count = read(screen_.first.get(), buffer.data(), buffer.size());
    return count > 0 ? std::string(buffer.data(), static_cast<size_t>(count)) : "";
  }
  // With its prompt, if there is one.
  void show(bool raw) {
    asking_.show(raw);
    now_ += Asking::kReadBefore;
    asking_.tick();
  }
  std::string answer(std::string_view typed) {
    bool interrupted = false;
    const auto reply = asking_.take(typed, interrupted);
    if (reply) asking_.settle(*reply, "");
    const std::string text = reply ? std::to_string(reply->id) + " " + reply->answer : "";
    return interrupted ? text + " interrupted" : text;
  }

  base::FdPair sockets_ = base::make_socketpair();
  base::Fd ours_ = std::move(sockets_.first);
  base::Fd keeper_ = std::move(sockets_.second);
  base::FdPair pty_ = make_terminal();
  base::Fd master_ = std::move(pty_.first);
  base::Fd terminal_ = std::move(pty_.second);
  base::FdPair screen_ = base::make_pipe();
  Asking::Clock::time_point now_{};
  Asking asking_{ours_.get(), "", terminal_.get(), screen_.second.get(), [this] { return now_; }};
};

TEST_F(AskingTest, OneQuestionAfterTheOtherIsShownAndAnswered) {
  tell(R"({"questions":[]})");
  show(false);
  EXPECT_FALSE(asking_.open());
  tell(R"({"questions":[)" + question(4, "a.example:443") + "," + question(5, "b\\u001b.example:80") + "]}");
  show(false);
  EXPECT_TRUE(asking_.open());
  EXPECT_EQ(answer("once\n"), "4 once");
  EXPECT_FALSE(asking_.open());
  // The keeper's list is older than the answer.
  tell(R"({"questions":[)" + question(4, "a.example:443") + "," + question(5, "b.example:80") + "]}");
  show(false);
  EXPECT_EQ(answer("s\n"), "5 sandbox");
  tell(R"({"questions":[]})");
  show(false);
  EXPECT_FALSE(asking_.open());
}

TEST_F(AskingTest, TheTargetStandsWhereTheAnswerIsTyped) {
  // What the command has written may look like a question, or hide this one.
  tell(R"({"questions":[)" + question(4, "bad.example:443") + "]}");
  show(true);
  const std::string shown = screen();
  EXPECT_THAT(shown, testing::StartsWith("\x1b[!p\x1b[r\x1b[m"));
  EXPECT_THAT(shown.substr(shown.rfind('\n')), testing::StartsWith("\n'bad.example:443': "));
  EXPECT_EQ(answer("no\r"), "");
  EXPECT_THAT(screen(), testing::HasSubstr("'bad.example:443': "));
  EXPECT_EQ(answer("s\r"), "4 sandbox");
  EXPECT_THAT(screen(), testing::HasSubstr("allowed 'bad.example:443'"));
}

TEST_F(AskingTest, OnlyALineThatIsAnAnswerIsOne) {
  tell(R"({"questions":[)" + question(4, "a.example:443") + "]}");
  show(true);
  for (const char* no_answer : {"cat foo\r", "aa\r", "\r", "a\x1b[A\r", "ab\x7f\x7f\x7f\r"})
    EXPECT_EQ(answer(no_answer), "") << no_answer;
  EXPECT_EQ(answer("a"), "");
  EXPECT_EQ(answer("b\x7f"), "");
  EXPECT_EQ(answer("\r"), "4 once");
}

TEST_F(AskingTest, InterruptIsANoAndTheCommandsToo) {
  tell(R"({"questions":[)" + question(4, "a.example:443") + "]}");
  show(true);
  EXPECT_EQ(answer("a\x03"), "4 deny interrupted");
  tell(R"({"questions":[)" + question(5, "a.example:443") + "]}");
  show(true);
  EXPECT_EQ(answer("\x04"), "5 deny");
}

TEST_F(AskingTest, AQuestionThatIsOverIsTakenBack) {
  tell(R"({"questions":[)" + question(4, "a.example:443") + "]}");
  show(false);
  tell(R"({"questions":[)" + question(5, "b.example:443") + "]}");
  show(false);
  EXPECT_EQ(answer("d\n"), "5 deny");
  tell(R"({"questions":[)" + question(6, "c.example:443") + "]}");
  show(false);
  keeper_.reset();
  asking_.receive();
  show(false);
  EXPECT_FALSE(asking_.open());
  EXPECT_EQ(asking_.fd(), -1);
}

TEST_F(AskingTest, WhatWasTypedForTheQuestionBeforeIsNoAnswer) {
  tell(R"({"questions":[)" + question(4, "a.example:443") + "," + question(5, "b.example:443") + "]}");
  show(true);
  EXPECT_EQ(answer("s"), "");
  tell(R"({"questions":[)" + question(5, "b.example:443") + "]}");
  asking_.show(true);
  EXPECT_THAT(screen(), HasSubstr("that question is over"));
  EXPECT_EQ(answer("\rs\r"), "");  // under the user's fingers
  EXPECT_EQ(asking_.patience_ms(), 1000);
  now_ += std::chrono::milliseconds(999);
  asking_.tick();
  EXPECT_EQ(answer("s\r"), "");
  EXPECT_THAT(screen(), Not(HasSubstr("Enter")));
  now_ += std::chrono::milliseconds(1);
  asking_.tick();
  EXPECT_EQ(asking_.patience_ms(), -1);
  EXPECT_THAT(screen(), HasSubstr("Enter"));
  EXPECT_EQ(answer("\r"), "");
  EXPECT_EQ(answer("d\r"), "5 deny");
}

TEST_F(AskingTest, InterruptIsANoAtOnce) {
  tell(R"({"questions":[)" + question(4, "a.example:443") + "]}");
  asking_.show(true);
  EXPECT_EQ(answer("s\r\x03"), "4 deny interrupted");
}

TEST_F(AskingTest, AnAnswerThatTheKeeperDoesNotTakeIsTold) {
  tell(R"({"questions":[)" + question(4, "a.example:443") + "]}");
  show(true);
  bool interrupted = false;
  const auto reply = asking_.take("s\r", interrupted);
  ASSERT_TRUE(reply);
  asking_.settle(*reply, "the policy has 65536 rules already");
  EXPECT_THAT(screen(),
              HasSubstr("the answer about 'a.example:443' does not count: the policy has 65536 rules already"));
  // It can be answered in another way.
  show(true);
  EXPECT_EQ(answer("a\r"), "4 once");
}

TEST_F(AskingTest, WhatCannotBeReadIsNoQuestion) {
  for (const char* line : {"", "{", "[]", R"({"questions":[{"id":-1}]})", R"({"questions":7})"}) {
    tell(line);
    show(false);
    EXPECT_FALSE(asking_.open()) << line;
  }
}

TEST_F(AskingTest, NothingOfTheTargetReachesTheScreenUnescaped) {
  tell(R"({"questions":[)" + question(4, R"(\u001b[2J\n)") + "]}");
  show(true);
  const std::string shown = screen();
  EXPECT_THAT(shown, testing::HasSubstr("\r\ncaisson: the sandbox wants to connect to '\\x1b[2J\\n'"));
  EXPECT_EQ(shown.find('\x1b', shown.find("\r\ncaisson")), std::string::npos);
}

TEST_F(AskingTest, WhatWasTypedBeforeIsNoAnswer) {
  base::write_all(master_.get(), std::string_view("a\n"), "the keyboard");
  pollfd typed{terminal_.get(), POLLIN, 0};
  ASSERT_EQ(poll(&typed, 1, -1), 1);
  tell(R"({"questions":[)" + question(4, "a.example:443") + "]}");
  show(false);
  base::set_nonblocking(terminal_.get(), true);
  char byte = 0;
  EXPECT_EQ(read(terminal_.get(), &byte, 1), -1);
}

}  // namespace
}  // namespace caisson::cli
