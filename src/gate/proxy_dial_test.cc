// SPDX-License-Identifier: Apache-2.0

// What a proxy may say to CONNECT, and what becomes of it.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "gate/loopback_for_test.h"
#include "gate/proxy.h"
#include "link/link_for_test.h"

namespace caisson::gate {
namespace {

using link::Task;
using testing::HasSubstr;

// Each name has the addresses `known`.
class NoUpstream final : public Upstream {
 public:
  asio::awaitable<Resolved> resolve(std::string name) override {
    asked.push_back(std::move(name));
    Resolved resolved;
    resolved.addresses = known;
    if (known.empty()) resolved.error = "unknown";
    co_return resolved;
  }
  asio::awaitable<std::string> query(std::string) override { co_return std::string(); }

  std::vector<IpAddress> known;
  std::vector<std::string> asked;
};

class AskProxy : public testing::Test {
 protected:
  // The proxy says this, and ends its direction if it `ends`. What is wrong then; "" for a tunnel.
  std::string says(std::string_view answer, bool ends = false) {
    base::FdPair ends_of = base::make_socketpair();
    gate_ = std::make_shared<link::Descriptor>(loop.executor(), std::move(ends_of.first));
    proxy_ = std::move(ends_of.second);
    base::write_all(proxy_.get(), answer, "the gate");
    if (ends) ::shutdown(proxy_.get(), SHUT_WR);
    std::string problem;
    loop.run({[&]() -> Task {
      try {
        co_await ask_proxy(gate_, "CONNECT", limit);
      } catch (const base::Error& error) {
        problem = error.problem();
      }
    }});
    return problem;
  }
  // What the proxy's bytes left in the socket.
  std::string left() {
    std::string bytes(100000, '\0');
    const ssize_t count = ::recv(gate_->get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    bytes.resize(count > 0 ? static_cast<size_t>(count) : 0);
    return bytes;
  }

  link::Loop loop;
  std::chrono::milliseconds limit = std::chrono::seconds(60);
  std::shared_ptr<link::Descriptor> gate_;
  base::Fd proxy_;
};

TEST_F(AskProxy, TakesTheAnswersHeadAndNothingBehindIt) {
  EXPECT_EQ(says("HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n\x16\x03server"), "");
  EXPECT_EQ(left(), "\x16\x03server");
  EXPECT_EQ(says("HTTP/1.0 204 \r\n\r\n"), "");
  EXPECT_EQ(left(), "");
}

TEST_F(AskProxy, WaitsForTheAnswerThatCounts) {
  EXPECT_EQ(says("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\n\r\nrest"), "");
  EXPECT_EQ(left(), "rest");
  std::string interim;
  for (int i = 0; i < 9; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
  EXPECT_THAT(says(interim), HasSubstr("interim answers without end"));
}

TEST_F(AskProxy, SaysWhatTheProxyAnswered) {
  EXPECT_EQ(says("HTTP/1.1 403 Forbidden\r\n\r\n"), "proxy: 403");
  EXPECT_EQ(says("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"),
            "proxy: 407 (it wants a user and password, and takes none or not these)");
  EXPECT_EQ(says("HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n"), "proxy: 302");
}

TEST_F(AskProxy, TakesNothingElseForAnAnswer) {
  for (const char* answer : {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1\r\n\r\n", "\r\n\r\n",
                             "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 -20 OK\r\n\r\n"})
    EXPECT_EQ(says(answer), "proxy: its answer is not HTTP/1") << answer;
  EXPECT_EQ(says("HTTP/1.1 200 OK\r\n", true), "proxy: it ended the connection");
  EXPECT_EQ(says("", true), "proxy: it ended the connection");
}

TEST_F(AskProxy, KeepsOnlySoMuchOfAnAnswer) {
  EXPECT_EQ(says("HTTP/1.1 200 OK\r\n" + std::string(20000, 'x')), "proxy: its answer is too long");
}

TEST_F(AskProxy, WaitsOnlySoLong) {
  limit = std::chrono::milliseconds(20);
  EXPECT_EQ(says("HTTP/1.1 200 OK\r\n"), "proxy: it did not answer in time");
}

TEST(ConnectRequest, HasTheTargetAndThePassword) {
  Proxy proxy{.host = "proxy.example", .port = 3128, .authorization = {}};
  EXPECT_EQ(connect_request(proxy, "a.example:443"), "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n");
  proxy.authorization = "Basic eDp5";
  EXPECT_EQ(connect_request(proxy, "[2001:db8::7]:443"),
            "CONNECT [2001:db8::7]:443 HTTP/1.1\r\nHost: [2001:db8::7]:443\r\nProxy-Authorization: Basic eDp5\r\n\r\n");
}

class DialProxy : public testing::Test {
 protected:
  std::string dial(Proxy proxy) {
    std::string problem;
    auto shared = std::make_shared<const Proxy>(std::move(proxy));
    loop.run({[&]() -> Task {
      try {
        ProxyDial wanted{.proxy = shared, .target = "a.example:443", .limits = limits};
        tunnel = co_await dial_proxy(loop.executor(), upstream, std::move(wanted));
      } catch (const base::Error& error) {
        problem = error.problem();
      }
    }});
    return problem;
  }

  link::Loop loop;
  std::shared_ptr<NoUpstream> upstream = std::make_shared<NoUpstream>();
  DialLimits limits;
  std::shared_ptr<link::Descriptor> tunnel;
};

TEST_F(DialProxy, ResolvesTheProxysNameAndNoOther) {
  EXPECT_EQ(dial({.host = "proxy.example", .port = 3128, .authorization = {}}),
            "proxy: cannot resolve 'proxy.example': unknown");
  EXPECT_THAT(upstream->asked, testing::ElementsAre("proxy.example"));
}

// The limits are the caller's: by dial_tcp's own it would take minutes.
TEST_F(DialProxy, GivesUpOnAddressesThatDoNotAnswerWhereItsLimitsSay) {
  const LoopbackSocket with_port;
  const BlackHole first(IpAddress::v4(INADDR_LOOPBACK + 1), with_port.port);
  const BlackHole second(IpAddress::v4(INADDR_LOOPBACK + 2), with_port.port);
  upstream->known = {first.address, second.address};
  size_t spare = 0;
  const std::chrono::milliseconds soon{1};
  limits = {.stagger = soon, .longest = soon, .spare = &spare, .patience = soon};
  EXPECT_THAT(dial({.host = "proxy.example", .port = with_port.port, .authorization = {}}),
              testing::AllOf(HasSubstr("proxy: cannot connect to '127.0.0."), HasSubstr("timed out")));
  EXPECT_EQ(spare, 0U);
}

TEST_F(DialProxy, SaysThatTheProxyTakesNoConnection) {
  const LoopbackSocket bound;
  EXPECT_THAT(dial({.host = "127.0.0.1", .port = bound.port, .authorization = {}}),
              HasSubstr("proxy: cannot connect to"));
  EXPECT_EQ(::listen(bound.fd.get(), 1), 0);
  std::string request;
  loop.context().restart();
  asio::co_spawn(
      loop.context(),
      [&]() -> Task {
        link::Descriptor listener(loop.executor(), base::Fd(::dup(bound.fd.get())));
        co_await listener.readable();
        base::Fd peer(::accept4(bound.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
        link::Descriptor accepted(loop.executor(), std::move(peer));
        // One thread has both ends: the request comes while this waits.
        co_await accepted.readable();
        request.resize(1000);
        const ssize_t got = ::recv(accepted.get(), request.data(), request.size(), MSG_DONTWAIT);
        base::write_all(accepted.get(), std::string_view("HTTP/1.1 403 no\r\n\r\n"), "the gate");
        request.resize(got > 0 ? static_cast<size_t>(got) : 0);
      },
      asio::detached);
  EXPECT_EQ(dial({.host = "127.0.0.1", .port = bound.port, .authorization = {}}), "proxy: 403");
  EXPECT_EQ(request, "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n");
}

}  // namespace
}  // namespace caisson::gate
