// SPDX-License-Identifier: Apache-2.0

// A gate between a guest's streams and a server on 127.0.0.1, where a rule speaks of methods and paths.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "gate/byte_stream_for_test.h"
#include "gate/gate.h"
#include "gate/http_session.h"
#include "gate/loopback_for_test.h"
#include "gate/stream_ends.h"
#include "link/link_for_test.h"
#include "link/message.h"
#include "link/services.h"

namespace caisson::gate {
namespace {

using link::Task;
using testing::HasSubstr;
using testing::StartsWith;

class HttpGate : public testing::Test {
 protected:
  HttpGate() {
    LoopbackSocket bound;
    EXPECT_EQ(::listen(bound.fd.get(), 8), 0);
    place = "127.0.0.1:" + std::to_string(bound.port);
    port = bound.port;
    listener = std::make_unique<link::Descriptor>(loop.executor(), std::move(bound.fd));
  }

  void start(const std::vector<std::string>& allowed) {
    GateOptions options;
    options.policy = policy_of(allowed);
    options.record = [this](std::string_view event, const base::Json& details) {
      records.push_back(details);
      records.back()["event"] = std::string(event);
    };
    gate = std::make_unique<Gate>(loop.executor(), std::move(options));
    gate->serve(std::shared_ptr<link::Session>(&link.a.session, [](link::Session*) {}));
  }
  static Policy policy_of(const std::vector<std::string>& allowed) {
    Policy policy;
    for (const std::string& rule : allowed) policy.add(parse_rule(rule), true, "test");
    return policy;
  }

  // As init opens a connection.
  asio::awaitable<ByteStreamPtr> connect() {
    link::StreamPtr stream = co_await link.b.session.open();
    link::ConnectRequest request;
    request.address = "127.0.0.1";
    request.port = port;
    const base::Json first = link::to_json(request);
    co_await link::write_message(*stream, first);
    const base::Json answer = co_await link::read_message(*stream);
    EXPECT_EQ(answer["ok"], true);
    co_return std::make_shared<GuestEnd>(std::move(stream), nullptr, unlimited);
  }
  asio::awaitable<ByteStreamPtr> accept() {
    co_await listener->readable();
    base::Fd fd(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
    auto accepted = std::make_shared<link::Descriptor>(loop.executor(), std::move(fd));
    co_return std::make_shared<SocketEnd>(std::move(accepted));
  }

  link::Loop loop;
  link::SessionPair link{loop};
  Budget unlimited{loop.executor(), 0, 0};
  std::unique_ptr<link::Descriptor> listener;
  std::string place;
  uint16_t port = 0;
  std::unique_ptr<Gate> gate;
  std::vector<base::Json> records;
};

TEST_F(HttpGate, JudgesRequestsWhereARuleSpeaksOfThem) {
  start({place + " GET /ok"});
  std::string got;
  std::string served;
  loop.run({[&]() -> Task {
              const ByteStreamPtr guest = co_await connect();
              const std::string host = " HTTP/1.1\r\nHost: " + place + "\r\n\r\n";
              co_await send(guest, "GET /ok" + host + "GET /no" + host);
              co_await guest->shutdown_write();
              got = co_await receive_all(guest);
            },
            [&]() -> Task {
              const ByteStreamPtr server = co_await accept();
              served = co_await receive_until(server, "\r\n\r\n");
              co_await send(server, "HTTP/1.1 204 x\r\n\r\n");
              served += co_await receive_all(server);
            }});
  EXPECT_EQ(served, "GET /ok HTTP/1.1\r\nhost: " + place + "\r\n\r\n");
  EXPECT_THAT(got, StartsWith("HTTP/1.1 204 x\r\n\r\nHTTP/1.1 403 Forbidden\r\n"));
  EXPECT_TRUE(gate->refusals().targets.contains("GET http://" + place + "/no"));
  std::vector<std::string> events;
  for (const base::Json& record : records) events.push_back(record["event"]);
  EXPECT_THAT(events, testing::ElementsAre("connect", "request", "request", "disconnect"));
}

TEST_F(HttpGate, RefusesOtherProtocolsThere) {
  start({place + " GET /ok"});
  std::string got;
  loop.run({[&]() -> Task {
    const ByteStreamPtr guest = co_await connect();
    co_await send(guest, "SSH-2.0-x\r\n");
    got = co_await receive_all(guest);
  }});
  EXPECT_EQ(got, "(broken)");
  loop.settle();
  EXPECT_EQ(records.back()["verdict"], "refused");
  EXPECT_THAT(records.back()["reason"].get<std::string>(), HasSubstr("neither HTTP nor TLS"));
  EXPECT_TRUE(gate->refusals().targets.contains(place));
}

TEST_F(HttpGate, EndsAConnectionWhoseRequestsAreToBeReadFromNowOn) {
  start({place});
  std::string got;
  loop.run({[&]() -> Task {
              const ByteStreamPtr guest = co_await connect();
              got = co_await receive_until(guest, "first");
              gate->set_policy(policy_of({place, "192.0.2.1"}));
              co_await send(guest, "second");
              got += co_await receive_until(guest, "third");
              gate->set_policy(policy_of({place + " GET /ok"}));
              got += co_await receive_all(guest);
            },
            [&]() -> Task {
              const ByteStreamPtr server = co_await accept();
              co_await send(server, "first");
              (void)co_await receive_until(server, "second");
              co_await send(server, "third");
              (void)co_await receive_all(server);
            }});
  EXPECT_EQ(got, "firstthird(broken)");
  loop.settle();
  EXPECT_EQ(records.back()["reason"], "more of its requests is judged now");
}

TEST(HttpJudged, IsTheHostOnPort80OfANameThatARuleAllows) {
  Policy policy;
  policy.add(parse_rule("*.example.com"), true, "test");
  policy.add(parse_rule("b.example.com GET /ok"), true, "test");
  const Target name{.name = "a.example.com", .address = {}, .port = 80};
  EXPECT_EQ(http_judged(policy, SandboxSecrets(), name), HttpJudged::kHost);
  const Target requests{.name = "b.example.com", .address = {}, .port = 80};
  EXPECT_EQ(http_judged(policy, SandboxSecrets(), requests), HttpJudged::kAll);
  const Target other_port{.name = "a.example.com", .address = {}, .port = 8080};
  EXPECT_EQ(http_judged(policy, SandboxSecrets(), other_port), HttpJudged::kNothing);
  const Target address{.name = {}, .address = IpAddress::v4(0x5db8d822), .port = 80};
  EXPECT_EQ(http_judged(policy, SandboxSecrets(), address), HttpJudged::kNothing);
  const Target host{.name = std::string(kHostName), .address = {}, .port = 80};
  EXPECT_EQ(http_judged(policy, SandboxSecrets(), host), HttpJudged::kNothing);
  EXPECT_EQ(http_judged(Policy(Default::kAllow), SandboxSecrets(), name), HttpJudged::kNothing);
  EXPECT_EQ(http_judged(Policy(Default::kAsk), SandboxSecrets(), name), HttpJudged::kHost);
}

TEST_F(HttpGate, EndsARequestThatAChangedPolicyDenies) {
  start({place + " GET /ok"});
  std::string got;
  loop.run({[&]() -> Task {
              const ByteStreamPtr guest = co_await connect();
              co_await send(guest, "GET /ok HTTP/1.1\r\nHost: " + place + "\r\n\r\n");
              got = co_await receive_all(guest);
            },
            [&]() -> Task {
              const ByteStreamPtr server = co_await accept();
              (void)co_await receive_until(server, "\r\n\r\n");
              gate->set_policy(policy_of({place + " GET /other"}));
              (void)co_await receive_all(server);
            }});
  EXPECT_EQ(got, "(broken)");
  loop.settle();
  EXPECT_THAT(records.back()["reason"].get<std::string>(), HasSubstr("no rule allows GET '/ok'"));
}

}  // namespace
}  // namespace caisson::gate
