// SPDX-License-Identifier: Apache-2.0

#include "gate/hello_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "gate/tls_hello_for_test.h"

namespace caisson::gate {
namespace {

using testing::HasSubstr;

std::string hello(const std::string& name, const std::string& more = "") {
  return record(message(server_name(name) + more));
}

const std::string kChange = record("\1", 20);
const std::string kEarlyData = extension(42, "");

class Filter : public testing::Test {
 protected:
  // What passes of these pieces, one after the other.
  std::string pass(const std::vector<std::string>& pieces) { return pass(pieces, filter); }
  std::string pass(const std::vector<std::string>& pieces, HelloFilter& through) {
    std::string passed;
    for (const std::string& piece : pieces) {
      auto give = [&]() -> asio::awaitable<void> {
        const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(piece.data()), piece.size());
        const std::span<const uint8_t> out = co_await through.pass(link::Way::kFromStream, bytes);
        passed.append(reinterpret_cast<const char*>(out.data()), out.size());
        through.went_on(link::Way::kFromStream);
      };
      try {
        std::exception_ptr failed;
        bool done = false;
        asio::co_spawn(io, give(), [&](std::exception_ptr error) {
          failed = error;
          done = true;
        });
        io.restart();
        while (!done) io.run_one();
        if (failed) std::rethrow_exception(failed);
      } catch (const base::Error&) {
        break;
      }
    }
    return passed;
  }
  std::string pass_bytes(const std::string& all) {
    std::vector<std::string> pieces;
    for (const char c : all) pieces.emplace_back(1, c);
    return pass(pieces);
  }

  asio::io_context io;
  Budget budget{io.get_executor(), 0, 0};
  std::shared_ptr<HeldBytes> account = std::make_shared<HeldBytes>(2000);
  HelloLimits limits{.time = std::chrono::minutes(10), .held = account, .end = [this] { ended = true; }};
  HelloFilter filter{std::make_shared<Spender>(budget, nullptr), {.name = "good.example"}, limits};
  bool ended = false;
};

TEST_F(Filter, LetsTheNameByAndWhatFollows) {
  const std::string all = hello("good.example") + record("\x10\0\0\2ab"s) + kChange + record("\1\2anything");
  EXPECT_EQ(pass({all}), all);
  EXPECT_EQ(filter.objection(), "");
}

TEST_F(Filter, HoldsTheHelloUntilItIsJudged) {
  EXPECT_EQ(pass({hello("bad.example")}), "");
  EXPECT_THAT(filter.objection(), HasSubstr("names 'bad.example' (SNI)"));
}

TEST_F(Filter, JudgesTheSecondHello) {
  const std::string first = hello("good.example");
  EXPECT_EQ(pass({first, kChange + hello("bad.example")}), first);
  EXPECT_THAT(filter.objection(), HasSubstr("names 'bad.example' (SNI)"));
}

TEST_F(Filter, JudgesTheSecondHelloInPieces) {
  const std::string first = hello("good.example");
  const std::string second = hello("bad.example");
  // Cut within the message's first bytes: two records of one message.
  const std::string payload = second.substr(5);
  const std::string cut = record(payload.substr(0, 1)) + record(payload.substr(1));
  EXPECT_EQ(pass_bytes(first + kChange + cut), first + kChange);
  EXPECT_THAT(filter.objection(), HasSubstr("names 'bad.example' (SNI)"));
}

TEST_F(Filter, JudgesTheSecondHelloBehindEarlyData) {
  const std::string before = hello("good.example", kEarlyData) + record("early", 23) + kChange + record("data", 23);
  EXPECT_EQ(pass({before + hello("bad.example")}), "");
  EXPECT_THAT(filter.objection(), HasSubstr("names 'bad.example' (SNI)"));
}

TEST_F(Filter, LetsASecondHelloOfTheSameNameBy) {
  const std::string all = hello("good.example") + kChange + hello("good.example") + record("secret", 23);
  EXPECT_EQ(pass_bytes(all), all);
  EXPECT_EQ(filter.objection(), "");
}

TEST_F(Filter, LeavesEncryptedMessagesAlone) {
  // TLS 1.2's Finished in a resumed session: a handshake record, encrypted.
  const std::string all = hello("good.example") + kChange + record("\1\xff\xff\xff"s + std::string(36, 'x'));
  EXPECT_EQ(pass_bytes(all), all);
  const std::string more = record(message(server_name("bad.example")));
  EXPECT_EQ(pass({more}), more);
  EXPECT_EQ(filter.objection(), "");
}

TEST_F(Filter, EndsAHelloThatTakesTooLong) {
  limits.time = std::chrono::milliseconds(1);
  HelloFilter hasty(std::make_shared<Spender>(budget, nullptr), {.name = "good.example"}, limits);
  const std::string begun = hello("good.example").substr(0, 10);
  EXPECT_EQ(pass({begun}, hasty), "");
  io.restart();
  io.run();
  EXPECT_TRUE(ended);
  EXPECT_EQ(hasty.objection(), "its TLS ClientHello took too long");
}

TEST_F(Filter, EndsASecondHelloThatTakesTooLong) {
  limits.time = std::chrono::milliseconds(1);
  HelloFilter hasty(std::make_shared<Spender>(budget, nullptr), {.name = "good.example"}, limits);
  const std::string first = hello("good.example");
  EXPECT_EQ(pass({first, first.substr(0, 20)}, hasty), first);
  io.restart();
  io.run();
  EXPECT_TRUE(ended);
}

TEST_F(Filter, LeavesTheTimeToWhatIsNoHello) {
  limits.time = std::chrono::milliseconds(1);
  HelloFilter hasty(std::make_shared<Spender>(budget, nullptr), {.name = "good.example"}, limits);
  const std::string all = hello("good.example") + record("\1\2anything");
  EXPECT_EQ(pass({all}, hasty), all);
  io.restart();
  EXPECT_EQ(io.run(), 0U);  // nothing waits
  EXPECT_FALSE(ended);
}

TEST_F(Filter, HoldsNoMoreThanTheAccountOfAllConnectionsHas) {
  const std::string long_hello = hello("good.example", extension(1, std::string(700, 'x')));
  const std::string begun = long_hello.substr(0, 600);
  EXPECT_EQ(pass({begun}), "");
  EXPECT_EQ(account->held(), 1200U);
  {
    HelloFilter another(std::make_shared<Spender>(budget, nullptr), {.name = "good.example"}, limits);
    EXPECT_EQ(pass({begun}, another), "");
    EXPECT_THAT(another.objection(), HasSubstr("too much is held"));
    EXPECT_EQ(account->held(), 1200U);
  }
  EXPECT_EQ(pass({long_hello.substr(600)}), long_hello);
  EXPECT_EQ(filter.objection(), "");
  EXPECT_EQ(account->held(), 0U);
  const std::string data = record("data", 23);
  EXPECT_EQ(pass({data, "more"}), data + "more");
  EXPECT_EQ(account->held(), 0U);
}

// Clients that have said their hello, and perhaps a request behind it, and wait.
TEST_F(Filter, ConnectionsThatWereJudgedHoldNothing) {
  const std::string first = hello("good.example", extension(1, std::string(400, 'x')));
  const std::string request = kChange + record(std::string(600, 'r'), 23);
  std::vector<std::unique_ptr<HelloFilter>> open;
  for (int i = 0; i < 100; ++i) {
    open.push_back(
        std::make_unique<HelloFilter>(std::make_shared<Spender>(budget, nullptr), HelloRules{"good.example"}, limits));
    EXPECT_EQ(pass({first}, *open.back()), first) << i;
    EXPECT_EQ(account->held(), 0U) << i;
    if (i % 2 == 0) {
      EXPECT_EQ(pass({request}, *open.back()), request) << i;
    }
    EXPECT_EQ(account->held(), 0U) << i;
  }
  // What is behind a first hello, and may be the beginning of a second one, counts.
  EXPECT_EQ(pass({kChange.substr(0, 3)}, *open[1]), "");
  EXPECT_EQ(account->held(), 6U);
}

TEST_F(Filter, LeavesWhatIsNoTlsAlone) {
  const std::string all = "GET / HTTP/1.1\r\n\r\n" + hello("bad.example");
  EXPECT_EQ(pass_bytes(all), all);
}

}  // namespace
}  // namespace caisson::gate
