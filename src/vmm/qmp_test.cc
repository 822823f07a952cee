// SPDX-License-Identifier: Apache-2.0

// What a QEMU that somebody has taken over may say, and what is left of it.

#include "vmm/qmp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <thread>

#include "base/error.h"
#include "vmm/qmp_ahead.h"

namespace caisson::vmm {
namespace {

using testing::HasSubstr;

class QmpTest : public testing::Test {
 protected:
  QmpTest() {
    base::FdPair ends = base::make_socketpair();
    qemu_ = std::move(ends.first);
    qmp_.emplace(context_.get_executor(), std::move(ends.second));
  }

  // Runs `calls` while QEMU says `said` and then closes its end. The error that came of it, or "".
  std::string error_of(const std::string& said, const std::function<asio::awaitable<void>()>& calls) {
    // More than fits the socket.
    std::thread saying([&] {
      // Fails where the client has had enough.
      [[maybe_unused]] const ssize_t sent = ::send(qemu_.get(), said.data(), said.size(), MSG_NOSIGNAL);
      ::shutdown(qemu_.get(), SHUT_WR);
    });
    std::string text;
    asio::co_spawn(context_, calls, [&](std::exception_ptr thrown) {
      try {
        if (thrown) std::rethrow_exception(thrown);
      } catch (const base::Error& error) {
        text = error.what();
      }
    });
    context_.run();
    qmp_.reset();
    saying.join();
    return text;
  }
  std::string error_of(const std::string& said) {
    return error_of(said, [this]() -> asio::awaitable<void> { co_await ask(); });
  }

  asio::awaitable<void> ask() {
    const std::string command = "query-status";
    base::Json nothing = base::Json::object();
    answer_ = co_await qmp_->execute(command, std::move(nothing));
  }

  asio::io_context context_{1};
  base::Fd qemu_;
  std::optional<Qmp> qmp_;
  base::Json answer_;
};

std::string event(const std::string& name, const base::Json& data) {
  return base::to_line({{"event", name}, {"data", data}}) + "\n";
}

const std::string kAnswer = "{\"return\": {\"status\": \"running\"}, \"id\": 1}\n";

TEST_F(QmpTest, TheAnswerIsFoundBehindTheGreetingAndWhatWasSentAhead) {
  const std::string greeting = "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\n";
  const std::string ahead = base::to_line({{"return", base::Json::object()}, {"id", kAheadId}}) + "\n";
  EXPECT_EQ(error_of(greeting + ahead + kAnswer), "");
  EXPECT_EQ(answer_.at("status"), "running");
}

TEST_F(QmpTest, OnlyEventsOfUseAreKeptAndOfThemOneWord) {
  std::string said = event("BLOCK_IO_ERROR", {{"action", "stop"}, {"reason", std::string(50'000, 'x')}});
  // None of them takes the place of the one that is of use.
  for (int i = 0; i < 1000; ++i)
    said += event("NO_SUCH_EVENT_" + std::to_string(i), {{"text", std::string(1000, 'x')}});
  said += event("MIGRATION", {{"status", std::string(33, 'x')}}) + event("MIGRATION", {{"status", 7}}) +
          event("MIGRATION", base::Json::array()) + "{\"event\": \"MIGRATION\"}\n" + kAnswer;
  std::string action;
  std::vector<std::string> status(4, "unset");
  const std::string error = error_of(said, [&]() -> asio::awaitable<void> {
    co_await ask();
    action = co_await qmp_->wait_event(QmpEvent::kBlockIoError);
    for (std::string& one : status) one = co_await qmp_->wait_event(QmpEvent::kMigration);
  });
  EXPECT_EQ(error, "");
  EXPECT_EQ(action, "stop");
  EXPECT_THAT(status, testing::Each(""));
}

TEST_F(QmpTest, TheNewestEventsAreKept) {
  std::string said;
  for (int i = 0; i < 1000; ++i) said += event("MIGRATION", {{"status", std::to_string(i)}});
  std::string first;
  const std::string error = error_of(said + kAnswer, [&]() -> asio::awaitable<void> {
    co_await ask();
    first = co_await qmp_->wait_event(QmpEvent::kMigration);
  });
  EXPECT_EQ(error, "");
  EXPECT_EQ(first, "744");
}

TEST_F(QmpTest, ForgottenEventsAreGone) {
  const std::string error =
      error_of(event("BLOCK_IO_ERROR", {{"action", "stop"}}) + kAnswer, [&]() -> asio::awaitable<void> {
        co_await ask();
        qmp_->forget_events(QmpEvent::kBlockIoError);
        co_await qmp_->wait_event(QmpEvent::kBlockIoError);
      });
  EXPECT_THAT(error, HasSubstr("QEMU has ended"));
}

TEST_F(QmpTest, ALineHasABound) {
  const std::string begin = "{\"return\": \"";
  EXPECT_THAT(error_of(begin + std::string(1U << 20, 'x')), HasSubstr("a line of more than 64 KiB"));
}

TEST_F(QmpTest, ALongLineWithinItIsRead) {
  EXPECT_EQ(error_of("{\"return\": \"" + std::string(60'000, 'x') + "\", \"id\": 1}\n"), "");
}

class QmpNonsense : public QmpTest, public testing::WithParamInterface<std::pair<const char*, const char*>> {};

TEST_P(QmpNonsense, IsAnError) {
  EXPECT_THAT(error_of(std::string(GetParam().first) + "\n"), HasSubstr(GetParam().second));
}

INSTANTIATE_TEST_SUITE_P(
    All, QmpNonsense,
    testing::Values(std::pair("", "QEMU's answer"), std::pair("[]", "QEMU's answer"),
                    std::pair("{}", "a message of no known kind"),
                    std::pair(R"({"event": 1})", "an event without a name"),
                    std::pair(R"({"return": {}, "id": 2})", "an answer to nothing that was asked"),
                    std::pair(R"({"return": {}})", "an answer to nothing that was asked"),
                    std::pair(R"({"error": {"desc": "no\u001b"}, "id": 1})", R"(QEMU refused 'query-status': no\x1b)"),
                    std::pair(R"({"error": 1, "id": 1})", "an error without a text"),
                    std::pair(R"({"error": {"desc": "x"}, "id": "ahead"})", "what it was given at its start: x")));

}  // namespace
}  // namespace caisson::vmm
