// SPDX-License-Identifier: Apache-2.0

// Flows of datagrams through the gate.

#include <gmock/gmock.h>

#include "gate/gate_for_test.h"

namespace caisson::gate {
namespace {

using link::Task;

// What its clients say is read by hand: the gate runs in the same thread.
struct DatagramServer : LoopbackSocket {
  DatagramServer() : LoopbackSocket(SOCK_DGRAM) {}

  // The next one, nothing where none is there; then answers go to who sent it.
  std::optional<std::string> take() {
    std::string text(link::kMaxDatagramBytes, '\0');
    socklen_t size = sizeof client_;
    const ssize_t got =
        ::recvfrom(fd.get(), text.data(), text.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&client_), &size);
    if (got < 0) return std::nullopt;
    text.resize(static_cast<size_t>(got));
    return text;
  }
  // Who has sent the last one.
  const sockaddr_in& client() const { return client_; }
  void answer(const std::string& text) const {
    const ssize_t sent =
        ::sendto(fd.get(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&client_), sizeof client_);
    EXPECT_EQ(sent, static_cast<ssize_t>(text.size()));
  }

 private:
  sockaddr_in client_{};
};

class UdpFlows : public GateTest {
 protected:
  static std::string rule_for(const DatagramServer& server) { return "udp:127.0.0.1:" + std::to_string(server.port); }

  asio::awaitable<Asked> flow_to(uint16_t port) {
    return connect("127.0.0.1", port, link::ConnectRequest::Protocol::kUdp);
  }
  static Task say(link::StreamPtr stream, std::string text) {
    std::string framed = std::string(link::kDatagramHeaderBytes, '\0') + text;
    const std::span<uint8_t> room(reinterpret_cast<uint8_t*>(framed.data()), framed.size());
    co_await link::write_datagram(*stream, room, text.size());
  }
  static asio::awaitable<std::string> hear(link::StreamPtr stream) {
    const std::optional<std::vector<uint8_t>> datagram = co_await link::read_datagram(*stream);
    co_return datagram ? std::string(datagram->begin(), datagram->end()) : "(end)";
  }
  asio::awaitable<std::string> taken(DatagramServer& server) {
    for (;;) {
      const std::optional<std::string> text = server.take();
      if (text) co_return *text;
      co_await asio::post(loop_.executor(), asio::use_awaitable);
    }
  }
  Task until_flows(size_t number) {
    while (gate_->connections() != number) co_await asio::post(loop_.executor(), asio::use_awaitable);
  }
  // How a flow ends that is not the guest's to end.
  static asio::awaitable<std::string> end_of(link::StreamPtr stream) {
    const std::string error = co_await link::error_of([&]() -> Task { co_await link::read_datagram(*stream); });
    co_return error.find("reset") != std::string::npos ? "reset" : "another end: " + error;
  }
};

TEST_F(UdpFlows, PassWholeDatagramsBothWays) {
  DatagramServer server;
  open({rule_for(server)});
  const std::string large(60000, 'x');
  loop_.run({[&]() -> Task {
    const Asked asked = co_await flow_to(server.port);
    EXPECT_TRUE(asked.ok);
    for (const std::string& text : {std::string("one"), std::string("two"), std::string(), large}) {
      co_await say(asked.stream, text);
      const std::string there = co_await taken(server);
      EXPECT_EQ(there, text);
      server.answer("a" + text);
      const std::string back = co_await hear(asked.stream);
      EXPECT_EQ(back, "a" + text);
    }
    // One that is not asked for.
    server.answer("more");
    const std::string more = co_await hear(asked.stream);
    EXPECT_EQ(more, "more");
    co_await asked.stream->close_write();
    co_await until_flows(0);
  }});
  loop_.settle();
  ASSERT_EQ(ledger_.size(), 2U);
  EXPECT_EQ(ledger_[0]["protocol"], "udp");
  EXPECT_EQ(ledger_[0]["verdict"], "allowed");
  EXPECT_EQ(ledger_[1]["sent_bytes"], 60006);
  EXPECT_EQ(ledger_[1]["received_bytes"], 60014);
  EXPECT_FALSE(ledger_[1].contains("reason")) << ledger_[1];
}

TEST_F(UdpFlows, TakeNothingFromElsewhere) {
  DatagramServer server;
  DatagramServer other;
  open({rule_for(server)});
  loop_.run({[&]() -> Task {
    const Asked asked = co_await flow_to(server.port);
    co_await say(asked.stream, "hello");
    (void)co_await taken(server);
    // The other one knows the flow's port, and sends there.
    const sockaddr_in& flow = server.client();
    EXPECT_EQ(::sendto(other.fd.get(), "bad", 3, 0, reinterpret_cast<const sockaddr*>(&flow), sizeof flow), 3);
    server.answer("good");
    const std::string back = co_await hear(asked.stream);
    EXPECT_EQ(back, "good");
  }});
}

TEST_F(UdpFlows, AreRefusedWithoutARuleForUdp) {
  DatagramServer server;
  const std::string place = "127.0.0.1:" + std::to_string(server.port);
  open({place});
  loop_.run({[&]() -> Task {
    const Asked asked = co_await flow_to(server.port);
    EXPECT_FALSE(asked.ok);
  }});
  EXPECT_FALSE(server.take());
  EXPECT_EQ(ledger_.at(0)["verdict"], "refused");
  EXPECT_EQ(gate_->refusals().targets.at("udp:" + place).allow, "udp:" + place);
}

TEST_F(UdpFlows, ToANameAreJudgedByItAndItsAddresses) {
  DatagramServer server;
  upstream_->addresses = {{"good.example.com", {"127.0.0.1"}}, {"bad.example.com", {"10.1.2.3"}}};
  open({"udp:*.example.com", rule_for(server)});
  loop_.run({[&]() -> Task {
    const std::string good = co_await address_of("good.example.com");
    const std::string bad = co_await address_of("bad.example.com");
    const Asked reached = co_await connect(good, server.port, link::ConnectRequest::Protocol::kUdp);
    EXPECT_TRUE(reached.ok);
    co_await say(reached.stream, "hello");
    const std::string there = co_await taken(server);
    EXPECT_EQ(there, "hello");
    const Asked refused = co_await connect(bad, server.port, link::ConnectRequest::Protocol::kUdp);
    EXPECT_FALSE(refused.ok);
    const Asked tcp = co_await connect(good, server.port);
    EXPECT_FALSE(tcp.ok);
  }});
}

TEST_F(UdpFlows, EndWhenNothingPasses) {
  DatagramServer server;
  open({rule_for(server)}, {.idle_datagrams = std::chrono::milliseconds(50)});
  loop_.run({[&]() -> Task {
    const Asked asked = co_await flow_to(server.port);
    EXPECT_TRUE(asked.ok);
    co_await say(asked.stream, "hello");
    (void)co_await taken(server);
    const std::string end = co_await end_of(asked.stream);
    EXPECT_EQ(end, "reset");
    co_await until_flows(0);
    // The next datagram of the guest's begins another one.
    const Asked again = co_await flow_to(server.port);
    EXPECT_TRUE(again.ok);
  }});
  EXPECT_EQ(ledger_.at(1)["event"], "disconnect");
  EXPECT_FALSE(ledger_.at(1).contains("reason")) << ledger_[1];
}

TEST_F(UdpFlows, AreBoundedInNumber) {
  DatagramServer server;
  const Server tcp;
  open({rule_for(server), target(tcp)}, {.datagram_flows = 3});
  loop_.run({[&]() -> Task {
    std::vector<Asked> flows;
    for (int i = 0; i < 10; ++i) {
      const Asked asked = co_await flow_to(server.port);
      EXPECT_EQ(asked.ok, i < 3) << i;
      flows.push_back(asked);
    }
    // Each is one of its own.
    for (int i = 0; i < 3; ++i) {
      co_await say(flows[i].stream, std::to_string(i));
      const std::string there = co_await taken(server);
      server.answer(there);
      const std::string back = co_await hear(flows[i].stream);
      EXPECT_EQ(back, std::to_string(i));
    }
    // Connections have room of their own, and so has a flow when another has ended.
    const Asked connected = co_await connect("127.0.0.1", tcp.port);
    EXPECT_TRUE(connected.ok);
    flows[0].stream->reset();
    co_await until_flows(3);
    const Asked again = co_await flow_to(server.port);
    EXPECT_TRUE(again.ok);
  }});
  EXPECT_THAT(gate_->refusals().limits, testing::ElementsAre("the limit of 3 flows of datagrams at a time is reached"));
}

TEST_F(UdpFlows, EndWithTheRuleThatAllowedThem) {
  DatagramServer server;
  open({rule_for(server)});
  loop_.run({[&]() -> Task {
    const Asked asked = co_await flow_to(server.port);
    EXPECT_TRUE(asked.ok);
    Policy policy = gate_->policy();
    // Without a protocol.
    policy.add(parse_rule("127.0.0.1"), false, "test");
    gate_->set_policy(std::move(policy));
    const std::string end = co_await end_of(asked.stream);
    EXPECT_EQ(end, "reset");
    const Asked again = co_await flow_to(server.port);
    EXPECT_FALSE(again.ok);
  }});
  EXPECT_FALSE(server.take());
}

TEST_F(UdpFlows, CountInTheTotal) {
  DatagramServer server;
  open({rule_for(server)}, {.total_bytes = 10});
  loop_.run({[&]() -> Task {
    const Asked asked = co_await flow_to(server.port);
    co_await say(asked.stream, "1234567890");
    (void)co_await taken(server);
    server.answer("x");
    const std::string end = co_await end_of(asked.stream);
    EXPECT_EQ(end, "reset");
    const Asked again = co_await flow_to(server.port);
    EXPECT_FALSE(again.ok);
  }});
  EXPECT_EQ(gate_->spent_bytes(), 10U);
}

}  // namespace
}  // namespace caisson::gate
