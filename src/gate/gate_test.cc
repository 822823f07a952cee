// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <boost/asio/steady_timer.hpp>

#include "gate/byte_stream_for_test.h"
#include "gate/gate_for_test.h"
#include "gate/secrets_for_test.h"
#include "gate/stream_ends.h"

namespace caisson::gate {
namespace {

using link::Task;

TEST_F(GateTest, PassesBytesBothWaysWithHalfClose) {
  const Server server;
  open({target(server)});
  loop_.run({[&]() -> Task {
    const Asked asked = co_await connect("127.0.0.1", server.port);
    EXPECT_TRUE(asked.ok);
    const base::Fd connection = server.accept();
    co_await write(asked.stream, "question");
    co_await asked.stream->close_write();
    char buffer[16];
    std::string question;
    // The gate runs on this thread too: what it has to do first is let happen.
    while (question.size() < 8) {
      const ssize_t got = ::recv(connection.get(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (got > 0) question.append(buffer, static_cast<size_t>(got));
      co_await asio::post(loop_.executor(), asio::use_awaitable);
    }
    EXPECT_EQ(question, "question");
    EXPECT_EQ(::send(connection.get(), "answer", 6, 0), 6);
    ::shutdown(connection.get(), SHUT_WR);
    const std::string answer = co_await read_all(asked.stream);
    EXPECT_EQ(answer, "answer");
  }});
  loop_.settle();
  ASSERT_EQ(ledger_.size(), 2U);
  EXPECT_EQ(ledger_[0]["verdict"], "allowed");
  EXPECT_EQ(ledger_[1]["sent_bytes"], 8);
  EXPECT_EQ(ledger_[1]["received_bytes"], 6);
  EXPECT_EQ(gate_->connections(), 0U);
}

TEST_F(GateTest, RefusesWhatNoRuleAllowsAndSaysWhyInTheLedgerOnly) {
  const Server server;
  open({});
  loop_.run({[&]() -> Task {
    const Asked asked = co_await connect("127.0.0.1", server.port);
    EXPECT_FALSE(asked.ok);
  }});
  EXPECT_EQ(ledger_.at(0)["verdict"], "refused");
  EXPECT_NE(reason().find("no rule allows '127.0.0.1'"), std::string::npos) << reason();
  EXPECT_EQ(gate_->refusals().targets.at(target(server)).allow, target(server));
  // And nothing arrived.
  base::set_nonblocking(server.fd.get(), true);
  EXPECT_FALSE(server.accept());
}

TEST_F(GateTest, AFaultOfItsOwnEndsTheConnectionAndIsSaid) {
  open({"*.example.com"});
  loop_.run({[&]() -> Task {
    const std::string address = co_await address_of("fault.example.com");
    const std::string error = co_await link::error_of([&]() -> Task { co_await connect(address, 443); });
    EXPECT_NE(error.find("reset"), std::string::npos) << error;
  }});
  EXPECT_EQ(ledger_.back()["verdict"], "failed");
  EXPECT_EQ(ledger_.back()["target"], "fault.example.com:443");
  EXPECT_EQ(reason(), "the gate failed: a fault of ours");
  EXPECT_EQ(gate_->connections(), 0U);
}

TEST_F(GateTest, AServerThatRefusesIsARefusal) {
  uint16_t closed = 0;
  {
    const Server server;
    closed = server.port;
  }
  open({"127.0.0.1"});
  loop_.run({[&]() -> Task {
    const Asked asked = co_await connect("127.0.0.1", closed);
    EXPECT_FALSE(asked.ok);
  }});
  EXPECT_EQ(ledger_.at(0)["verdict"], "failed");
  EXPECT_NE(reason().find("Connection refused"), std::string::npos) << reason();
}

TEST_F(GateTest, ANameIsJudgedThenResolvedThenItsAddressesAreJudged) {
  const Server server;
  upstream_->addresses = {{"good.example.com", {"127.0.0.1"}}, {"bad.example.com", {"10.1.2.3", "169.254.169.254"}}};
  open({"*.example.com", target(server)});
  loop_.run({[&]() -> Task {
    const std::string good = co_await address_of("good.example.com");
    const std::string bad = co_await address_of("bad.example.com");
    const std::string other = co_await address_of("example.org");
    EXPECT_TRUE(good.starts_with("198.1")) << good;
    EXPECT_NE(good, bad);
    EXPECT_EQ(other, "");
    EXPECT_TRUE(upstream_->asked.empty()) << "something was asked upstream before a connection was judged";
    const Asked reached = co_await connect(good, server.port);
    EXPECT_TRUE(reached.ok);
    const Asked refused = co_await connect(bad, server.port);
    EXPECT_FALSE(refused.ok);
  }});
  EXPECT_EQ(upstream_->asked, (std::vector<std::string>{"good.example.com", "bad.example.com"}));
  EXPECT_NE(reason().find("10.1.2.3"), std::string::npos) << reason();
}

TEST_F(GateTest, AStandInServesOneNameAtOnePort) {
  const Server server;
  const std::string port = std::to_string(server.port);
  upstream_->addresses["api.example.com"] = {"127.0.0.1"};
  open({"api.example.com:443", "api.example.com:" + port, "half.example.com:80"});
  Policy policy = gate_->policy();
  for (const char* name : {"api.example.com", "half.example.com", "other.example.com"})
    policy.add_stand_in(parse_stand_in(std::string(name) + ":443:" + target(server)));
  gate_->set_policy(policy);
  loop_.run({[&]() -> Task {
    const std::string address = co_await address_of("api.example.com");
    const std::string half = co_await address_of("half.example.com");
    const std::string other = co_await address_of("other.example.com");
    EXPECT_EQ(other, "");
    const Asked served = co_await connect(address, 443);
    EXPECT_TRUE(served.ok);
    EXPECT_EQ(ledger_.back().value("resolve", ""), "api.example.com:443:" + target(server));
    const Asked not_allowed = co_await connect(half, 443);
    EXPECT_FALSE(not_allowed.ok);
    EXPECT_TRUE(upstream_->asked.empty());
    // The same address is no other's: not where the name leads by itself, and not without a name.
    const Asked resolved = co_await connect(address, server.port);
    EXPECT_FALSE(resolved.ok);
    EXPECT_EQ(upstream_->asked, (std::vector<std::string>{"api.example.com"}));
    const Asked unnamed = co_await connect("127.0.0.1", server.port);
    EXPECT_FALSE(unnamed.ok);
    policy.add(parse_rule("example.org"), true, "test");
    gate_->set_policy(policy);
    policy.add(parse_rule(target(server)), false, "test");
    gate_->set_policy(policy);
    const std::string error = co_await link::error_of([&]() -> Task { co_await read_all(served.stream); });
    EXPECT_NE(error.find("reset"), std::string::npos) << error;
    const Asked denied = co_await connect(address, 443);
    EXPECT_FALSE(denied.ok);
  }});
  loop_.settle();
  // What ended the connection is the rule that denies, and no change before that.
  std::erase_if(ledger_, [](const base::Json& entry) { return entry["event"] != "disconnect"; });
  ASSERT_EQ(ledger_.size(), 1U);
  EXPECT_NE(reason().find("is denied by the rule"), std::string::npos) << reason();
  EXPECT_EQ(gate_->uses().targets.size(), 1U) << to_json(gate_->uses());
}

TEST_F(GateTest, NoRecordOfADeniedNameIsAskedForWithTheRestOpen) {
  open({}, {}, Default::kAllow);
  Policy policy = gate_->policy();
  policy.add(parse_rule("bad.example"), false, "test");
  gate_->set_policy(std::move(policy));
  loop_.run({[&]() -> Task {
    constexpr uint8_t kNxDomain = 3;
    for (const RecordType type : {kTypeA, kTypeAaaa, kTypeTxt, kTypeSrv, kTypeMx}) {
      const auto answer = co_await answer_of("bad.example", type);
      EXPECT_EQ(answer->at(3) & 15, kNxDomain) << type;
    }
    // It belongs to the name behind its labels.
    const auto service = co_await answer_of("_sip._udp.bad.example", kTypeSrv);
    EXPECT_EQ(service->at(3) & 15, kNxDomain);
    EXPECT_EQ(ledger_.back()["rule"], "bad.example");
    EXPECT_TRUE(upstream_->asked.empty());
    (void)co_await answer_of("_sip._udp.good.example", kTypeSrv);
    EXPECT_EQ(upstream_->asked.size(), 1U);
  }});
}

TEST_F(GateTest, AnAnswerThatIsLateUpstreamIsNotLost) {
  GateLimits limits;
  limits.idle_names = std::chrono::milliseconds(1000);
  // Begun behind the limit's own timer, and longer.
  upstream_->before_answer = [&]() -> Task {
    asio::steady_timer late(loop_.executor(), limits.idle_names + limits.idle_names / 2);
    co_await late.async_wait(asio::use_awaitable);
  };
  open({"good.example.com"}, limits);
  loop_.run({[&]() -> Task {
    const auto answer = co_await answer_of("good.example.com", kTypeTxt);
    EXPECT_TRUE(answer);
  }});
  EXPECT_EQ(upstream_->asked, (std::vector<std::string>{"a query"}));
}

TEST_F(GateTest, AnAddressThatNoNameHasIsRefused) {
  open({"*"}, {}, Default::kAllow);
  loop_.run({[&]() -> Task {
    for (const char* address : {"198.18.77.1", "198.19.255.254", "198.18.0.2"}) {
      const Asked asked = co_await connect(address, 443);
      EXPECT_FALSE(asked.ok) << address;
    }
  }});
}

TEST_F(GateTest, AChangedPolicyEndsWhatItDoesNotAllow) {
  const Server server;
  open({target(server)});
  loop_.run({[&]() -> Task {
    const Asked asked = co_await connect("127.0.0.1", server.port);
    EXPECT_TRUE(asked.ok);
    gate_->set_policy(Policy());
    const std::string error = co_await link::error_of([&]() -> Task { co_await read_all(asked.stream); });
    EXPECT_NE(error.find("reset"), std::string::npos) << error;
    const Asked again = co_await connect("127.0.0.1", server.port);
    EXPECT_FALSE(again.ok);
  }});
}

TEST_F(GateTest, WhatARuleEndsHasTheRuleInTheLedger) {
  const Server server;
  const std::string place = target(server);
  open({place, "udp:" + place});
  loop_.run({[&]() -> Task {
    const Asked stream = co_await connect("127.0.0.1", server.port);
    const Asked flow = co_await connect("127.0.0.1", server.port, link::ConnectRequest::Protocol::kUdp);
    EXPECT_TRUE(stream.ok && flow.ok);
    ledger_.clear();
    Policy policy = gate_->policy();
    policy.add(parse_rule("tcp:" + place), false, "by hand");
    policy.add(parse_rule("udp:" + place), false, "by hand");
    gate_->set_policy(std::move(policy));
    while (gate_->connections() != 0) co_await asio::post(loop_.executor(), asio::use_awaitable);
  }});
  ASSERT_EQ(ledger_.size(), 2U);
  std::sort(ledger_.begin(), ledger_.end(), [](const base::Json& a, const base::Json& b) { return a["id"] < b["id"]; });
  for (const base::Json& end : ledger_) {
    EXPECT_EQ(end["event"], "disconnect");
    EXPECT_EQ(end["verdict"], "refused");
    EXPECT_EQ(end["origin"], "by hand");
    EXPECT_NE(end["reason"].get<std::string>().find("is denied by the rule"), std::string::npos) << end;
  }
  EXPECT_EQ(ledger_[0]["rule"], "tcp:" + place);
  EXPECT_EQ(ledger_[1]["rule"], "udp:" + place);
}

TEST_F(GateTest, AHelloWithAnotherNameIsNotPassedOn) {
  const Server server;
  upstream_->addresses["good.example.com"] = {"127.0.0.1"};
  open({"good.example.com", target(server)});
  // The beginning of a ClientHello whose name is evil.test.
  const std::string name = "evil.test";
  std::string extensions = std::string("\0\0\0\x0e\0\x0c\0\0\x09", 9) + name;
  std::string body = std::string("\3\3", 2) + std::string(32, 'r') + std::string("\0\0\2\x13\1\1\0", 7);
  body += std::string{'\0', static_cast<char>(extensions.size())} + extensions;
  std::string hello = std::string("\x16\3\1\0", 4) + static_cast<char>(body.size() + 4) + std::string("\1\0\0", 3) +
                      static_cast<char>(body.size()) + body;
  loop_.run({[&]() -> Task {
    const std::string address = co_await address_of("good.example.com");
    const Asked asked = co_await connect(address, server.port);
    EXPECT_TRUE(asked.ok);
    for (const char& byte : hello) co_await write(asked.stream, std::string(1, byte));
    const std::string error = co_await link::error_of([&]() -> Task { co_await read_all(asked.stream); });
    EXPECT_NE(error.find("reset"), std::string::npos) << error;
  }});
  loop_.settle();
  EXPECT_NE(reason().find("evil.test"), std::string::npos) << reason();
  EXPECT_EQ(ledger_.back()["verdict"], "refused");
  EXPECT_EQ(ledger_.back()["name"], "good.example.com");
  EXPECT_EQ(ledger_.back()["port"], server.port);
  const base::Fd connection = server.accept();
  char byte;
  EXPECT_LE(::recv(connection.get(), &byte, 1, 0), 0) << "a byte of the hello arrived";
}

TEST_F(GateTest, TheLimitOfConnectionsIsForThoseThatAreOpen) {
  const Server server;
  open({target(server)}, {.connections = 1});
  loop_.run({[&]() -> Task {
    Asked first = co_await connect("127.0.0.1", server.port);
    EXPECT_TRUE(first.ok);
    const Asked second = co_await connect("127.0.0.1", server.port);
    EXPECT_FALSE(second.ok);
    first.stream->reset();
    while (gate_->connections() != 0) co_await asio::post(loop_.executor(), asio::use_awaitable);
    const Asked third = co_await connect("127.0.0.1", server.port);
    EXPECT_TRUE(third.ok);
  }});
  EXPECT_EQ(gate_->refusals().limits.size(), 1U);
  EXPECT_EQ(gate_->refusals().count, 0U);
}

TEST_F(GateTest, WhatIsNoRequestIsReset) {
  open({"*"}, {}, Default::kAllow);
  loop_.run({[&]() -> Task {
    const std::vector<base::Json> wrong{{{"service", "exec"}, {"argv", {"true"}}},
                                        {{"service", "tcp"}, {"address", "example.com"}, {"port", 80}},
                                        {{"service", "tcp"}, {"address", "192.0.2.1"}, {"port", 0}},
                                        {{"service", "tcp"}, {"address", "192.0.2.1"}, {"port", 80}, {"as", "root"}}};
    for (const base::Json& message : wrong) {
      const link::StreamPtr stream = co_await pair_.b.session.open();
      co_await link::write_message(*stream, message);
      const std::string error = co_await link::error_of([&]() -> Task { co_await read_all(stream); });
      EXPECT_NE(error.find("reset"), std::string::npos) << message << ": " << error;
    }
  }});
  EXPECT_FALSE(pair_.a.returned) << "the session has ended: " << pair_.a.reason;
}

TEST_F(GateTest, EndsEverythingWhenItGoes) {
  const Server server;
  open({target(server)});
  loop_.run({[&]() -> Task {
    const Asked asked = co_await connect("127.0.0.1", server.port);
    EXPECT_TRUE(asked.ok);
    gate_.reset();
    const std::string error = co_await link::error_of([&]() -> Task { co_await read_all(asked.stream); });
    EXPECT_NE(error.find("reset"), std::string::npos) << error;
  }});
}

TEST_F(GateTest, ATotalOfBytesIsNotPassed) {
  const Server server;
  open({target(server)}, {.total_bytes = 10});
  loop_.run({[&]() -> Task {
    const Asked asked = co_await connect("127.0.0.1", server.port);
    EXPECT_TRUE(asked.ok);
    co_await write(asked.stream, "1234567890");
    co_await write(asked.stream, "x");
    const std::string error = co_await link::error_of([&]() -> Task { co_await read_all(asked.stream); });
    EXPECT_NE(error.find("reset"), std::string::npos) << error;
    const Asked again = co_await connect("127.0.0.1", server.port);
    EXPECT_FALSE(again.ok);
  }});
}

TEST_F(GateTest, ATotalIsThatOfAllStarts) {
  const Server server;
  open({target(server)}, {.total_bytes = 10, .spent_bytes = 4});
  loop_.run({[&]() -> Task {
    const Asked asked = co_await connect("127.0.0.1", server.port);
    EXPECT_TRUE(asked.ok);
    co_await write(asked.stream, "123456");
    while (gate_->spent_bytes() < 10) co_await asio::post(loop_.executor(), asio::use_awaitable);
    const Asked again = co_await connect("127.0.0.1", server.port);
    EXPECT_FALSE(again.ok);
  }});
  EXPECT_EQ(gate_->refusals().limits.size(), 1U);
}

TEST_F(GateTest, AConnectionWaitsForTheAnswerToItsQuestion) {
  const Server server;
  upstream_->addresses = {{"good.example.com", {"127.0.0.1"}}};
  // The address is named; the name is what is asked about.
  open({target(server)}, {}, Default::kAsk);
  Questions& questions = gate_->questions();
  questions.attend();
  for (const bool once : {true, false}) {
    Asked asked;
    loop_.run({[&]() -> Task {
                 const std::string address = co_await address_of("good.example.com");
                 asked = co_await connect(address, server.port);
                 EXPECT_TRUE(asked.ok);
               },
               [&]() -> Task {
                 while (questions.open().empty()) co_await questions.changed().wait();
                 const Questions::Open question = questions.open().front();
                 EXPECT_EQ(question.target, "good.example.com:" + std::to_string(server.port));
                 EXPECT_EQ(upstream_->asked.size(), once ? 0U : 1U) << "resolved before it was allowed";
                 Policy policy = gate_->policy();
                 policy.add(parse_rule(question.target), true, "test");
                 if (once) questions.answer(question.id, Answer::kOnce);
                 if (!once) gate_->set_policy(std::move(policy));
               }});
    EXPECT_EQ(ledger_.back()["verdict"], "allowed");
    EXPECT_EQ(ledger_.back().value("answer", ""), once ? "once" : "");
    // Allowed once means this connection, whatever else changes.
    gate_->set_policy(gate_->policy());
    EXPECT_EQ(gate_->connections(), 1U);
    asked.stream->reset();
    loop_.settle();
  }
  EXPECT_EQ(gate_->refusals().count, 0U);
}

TEST_F(GateTest, AQuestionThatIsAnsweredWithNoIsARefusal) {
  open({}, {}, Default::kAsk);
  gate_->questions().attend();
  loop_.run({[&]() -> Task {
               const Asked asked = co_await connect("93.184.216.34", 443);
               EXPECT_FALSE(asked.ok);
             },
             [&]() -> Task {
               while (gate_->questions().open().empty()) co_await gate_->questions().changed().wait();
               gate_->questions().answer(gate_->questions().open().front().id, Answer::kDenied);
             }});
  EXPECT_NE(reason().find("the answer to the question was no"), std::string::npos) << reason();
  EXPECT_EQ(gate_->refusals().targets.at("93.184.216.34:443").allow, "93.184.216.34:443");
}

TEST_F(GateTest, WithNobodyToAskAConnectionIsRefusedAtOnce) {
  open({}, {}, Default::kAsk);
  loop_.run({[&]() -> Task {
    const Asked asked = co_await connect("93.184.216.34", 443);
    EXPECT_FALSE(asked.ok);
  }});
  EXPECT_EQ(reason(), "no rule speaks of '93.184.216.34' port 443, and no terminal is attached that could be asked");
}

TEST_F(GateTest, WhatWouldAllowTheHostIsARuleForOneOfItsPorts) {
  open({});
  loop_.run({[&]() -> Task {
    const std::string address = co_await address_of("Host.caisson.internal");
    EXPECT_EQ(address, "");
  }});
  EXPECT_EQ(gate_->refusals().targets.begin()->second.allow, "host.caisson.internal:PORT");
}

TEST_F(GateTest, ARefusedAddressOfTheUsersNetworksIsToldFromOthers) {
  upstream_->addresses = {{"mirror.example.com", {"10.1.2.3"}}, {"evil.example.com", {"127.0.0.1"}}};
  open({"*.example.com"});
  for (const char* name : {"mirror.example.com", "evil.example.com"}) {
    loop_.run({[&]() -> Task {
      const std::string address = co_await address_of(name);
      const Asked asked = co_await connect(address, 443);
      EXPECT_FALSE(asked.ok);
    }});
  }
  const auto& targets = gate_->refusals().targets;
  EXPECT_TRUE(targets.at("mirror.example.com:443").own_networks);
  EXPECT_FALSE(targets.at("evil.example.com:443").own_networks);
  EXPECT_EQ(targets.at("mirror.example.com:443").allow, "");
}

TEST_F(GateTest, ASecretIsUsedWhileItIsTheUsers) {
  const Server server;
  const std::string place = "good.example.com:" + std::to_string(server.port);
  upstream_->addresses = {{"good.example.com", {"127.0.0.1"}}};
  open({place, target(server)});
  SecretsForTest secrets;
  secrets.add("api", {header_place("x-api-key: {}")}, {place});
  Budget unlimited(loop_.executor(), 0, 0);
  std::string got;
  std::string served;
  loop_.run({[&]() -> Task {
    const std::string address = co_await address_of("good.example.com");
    const Asked before = co_await connect(address, server.port);
    gate_->set_secrets(secrets.sandbox());
    const std::string error = co_await link::error_of([&]() -> Task { co_await read_all(before.stream); });
    EXPECT_NE(error.find("reset"), std::string::npos) << error;
    const base::Fd unused = server.accept();

    const Asked asked = co_await connect(address, server.port);
    const ByteStreamPtr guest = std::make_shared<GuestEnd>(asked.stream, nullptr, unlimited);
    auto socket = std::make_shared<link::Descriptor>(loop_.executor(), server.accept());
    const ByteStreamPtr far_end = std::make_shared<SocketEnd>(std::move(socket));
    co_await send(guest, "GET / HTTP/1.1\r\nHost: " + place + "\r\nX-Api-Key: " + kTestPlaceholder + "\r\n\r\n");
    served = co_await receive_until(far_end, "\r\n\r\n");
    co_await send(far_end, "HTTP/1.1 204 x\r\n\r\n");
    (void)co_await receive_until(guest, "\r\n\r\n");
    gate_->secret_changed("other");
    EXPECT_EQ(gate_->connections(), 1U);
    secrets.grants.front()->revoke();
    gate_->secret_changed("api");
    got = co_await receive_all(guest);

    const Asked again = co_await connect(address, server.port);
    const ByteStreamPtr other = std::make_shared<GuestEnd>(again.stream, nullptr, unlimited);
    co_await send(other, "GET / HTTP/1.1\r\nHost: " + place + "\r\nX-Api-Key: " + kTestPlaceholder + "\r\n\r\n");
    got += co_await receive_until(other, "\r\n\r\n");
  }});
  EXPECT_NE(served.find("x-api-key: " + kTestValue + "\r\n"), std::string::npos) << served;
  EXPECT_EQ(got.substr(0, 20), "(broken)HTTP/1.1 403");
}

// They judge what passes, and open nothing.
TEST_F(GateTest, SecretsAllowNothing) {
  const Server server;
  const std::string place = "good.example.com:" + std::to_string(server.port);
  upstream_->addresses = {{"good.example.com", {"127.0.0.1"}}};
  open({target(server)});
  SecretsForTest secrets;
  secrets.add("api", {header_place("x-api-key: {}")}, {place});
  gate_->set_secrets(secrets.sandbox());
  loop_.run({[&]() -> Task { EXPECT_EQ(co_await address_of("good.example.com"), ""); }});
  EXPECT_TRUE(upstream_->asked.empty());
}

}  // namespace
}  // namespace caisson::gate
