// SPDX-License-Identifier: Apache-2.0

// The gate over a real link, with the guest's end played, the host's resolver a table, and servers on this machine's
// loopback (which a rule has to name). For tests alone.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <map>

#include "gate/dns.h"
#include "gate/gate.h"
#include "gate/loopback_for_test.h"
#include "gate/names.h"
#include "link/datagram.h"
#include "link/link_for_test.h"
#include "link/message.h"
#include "link/services.h"

namespace caisson::gate {

class TableUpstream final : public Upstream {
 public:
  std::map<std::string, std::vector<std::string>> addresses;
  std::vector<std::string> asked;
  std::function<link::Task()> before_answer = {};  // of a query

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

  link::Loop loop_;
  link::SessionPair pair_{loop_};
  std::shared_ptr<TableUpstream> upstream_ = std::make_shared<TableUpstream>();
  std::vector<base::Json> ledger_;
  std::unique_ptr<Gate> gate_;
};

}  // namespace caisson::gate
