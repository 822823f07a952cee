// SPDX-License-Identifier: Apache-2.0

// The gate over a real link, with the guest's end played, the host's resolver a table, and servers on this machine's
// loopback (which a rule has to name).

#include "gate/gate.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <map>

#include "gate/dns.h"
#include "gate/loopback_for_test.h"
#include "gate/names.h"
#include "link/datagram.h"
#include "link/link_for_test.h"
#include "link/message.h"
#include "link/services.h"

namespace caisson::gate {
namespace {

using link::Loop;
using link::Task;

class TableUpstream final : public Upstream {
 public:
  std::map<std::string, std::vector<std::string>> addresses;
  std::vector<std::string> asked;
  std::function<Task()> before_answer = {};  // of a query

  asio::awaitable<Resolved> resolve(std::string name) override {
    asked.push_back(name);
    if (name == "fault.example.com") throw std::runtime_error("a fault of ours");
    Resolved resolved;
    for (const std::string& text : addresses[name]) resolved.addresses.push_back(*IpAddress::parse(text));
    if (resolved.addresses.empty()) resolved.error = "unknown";
    co_return resolved;
  }
  asio::awaitable<std::string> query(std::string) override {
    asked.push_back("a query");
    if (before_answer) co_await before_answer();
    co_return std::string();
  }
};

struct Server : LoopbackSocket {
  Server() { EXPECT_EQ(::listen(fd.get(), 8), 0); }
  // Of a connection that the gate has made, which is in the queue then.
  base::Fd accept() const { return base::Fd(::accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC)); }
};

class GateTest : public testing::Test {
 protected:
  void open(const std::vector<std::string>& allow, GateLimits limits = {}, Default fallback = Default::kDeny) {
    GateOptions options;
    options.policy = Policy(fallback);
    for (const std::string& rule : allow) options.policy.add(parse_rule(rule), true, "test");
    options.limits = limits;
    options.upstream = upstream_;
    options.record = [this](std::string_view event, const base::Json& details) {
      base::Json entry = details;
      entry["event"] = std::string(event);
      ledger_.push_back(entry);
    };
    gate_ = std::make_unique<Gate>(loop_.executor(), std::move(options));
    const std::shared_ptr<link::Session> host(&pair_.a.session, [](link::Session*) {});
    gate_->serve(host);
  }

  std::string target(const Server& server) const { return "127.0.0.1:" + std::to_string(server.port); }

  // As init asks. The stream, and what the gate answers.
  struct Asked {
    link::StreamPtr stream;
    bool ok = false;
  };
  asio::awaitable<Asked> connect(std::string address, uint16_t port,
                                 link::ConnectRequest::Protocol protocol = link::ConnectRequest::Protocol::kTcp) {
    link::ConnectRequest request;
    request.protocol = protocol;
    request.address = std::move(address);
    request.port = port;
    const base::Json message = link::to_json(request);
    Asked asked;
    asked.stream = co_await pair_.b.session.open();
    co_await link::write_message(*asked.stream, message);
    const base::Json answer = co_await link::read_message(*asked.stream);
    asked.ok = answer.at("ok").get<bool>();
    EXPECT_TRUE(asked.ok || answer.at("error") == "refused") << answer;
    co_return asked;
  }
  // The synthetic address of a name, "" where the gate has none.
  asio::awaitable<std::string> address_of(std::string name) {
    const auto answer = co_await answer_of(std::move(name), kTypeA);
    if (!answer || (*answer)[7] == 0) co_return "";
    const uint8_t* last = answer->data() + answer->size() - 4;
    char text[INET_ADDRSTRLEN];
    co_return ::inet_ntop(AF_INET, last, text, sizeof text);
  }
  // What the gate's name server says; nothing where it ends the conversation.
  asio::awaitable<std::optional<std::vector<uint8_t>>> answer_of(std::string name, RecordType type) {
    const Asked asked = co_await connect("198.18.0.1", 53, link::ConnectRequest::Protocol::kUdp);
    std::string query("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
    size_t at = 0;
    while (at <= name.size()) {
      const size_t dot = std::min(name.find('.', at), name.size());
      query += static_cast<char>(dot - at) + name.substr(at, dot - at);
      at = dot + 1;
    }
    query += std::string{'\0', '\0', static_cast<char>(type), '\0', '\1'};
    std::string framed = std::string(link::kDatagramHeaderBytes, '\0') + query;
    const std::span<uint8_t> room(reinterpret_cast<uint8_t*>(framed.data()), framed.size());
    co_await link::write_datagram(*asked.stream, room, query.size());
    co_return co_await link::read_datagram(*asked.stream);
  }
  asio::awaitable<std::string> read_all(link::StreamPtr stream) {
    std::string text;
    uint8_t buffer[256];
    while (const size_t got = co_await stream->read_some(buffer)) text.append(buffer, buffer + got);
    co_return text;
  }
  asio::awaitable<void> write(link::StreamPtr stream, std::string text) {
    const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
    co_await stream->write(bytes);
  }
  std::string reason() const { return ledger_.empty() ? "" : ledger_.back().value("reason", ""); }

  Loop loop_;
  link::SessionPair pair_{loop_};
  std::shared_ptr<TableUpstream> upstream_ = std::make_shared<TableUpstream>();
  std::vector<base::Json> ledger_;
  std::unique_ptr<Gate> gate_;
};

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
    policy.add(parse_rule(place), false, "by hand");
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
  EXPECT_EQ(ledger_[0]["rule"], place);
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

}  // namespace
}  // namespace caisson::gate
