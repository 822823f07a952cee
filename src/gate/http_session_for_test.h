// SPDX-License-Identifier: Apache-2.0

// Connections of a guest's to a server, in which the gate reads the requests.
#pragma once

#include <gtest/gtest.h>

#include "gate/byte_stream_for_test.h"
#include "gate/http_session.h"
#include "gate/tls_for_test.h"
#include "link/link_for_test.h"

namespace caisson::gate {

inline constexpr const char* kPlainAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

// A guest's connection to a.com, of which GET /ok is allowed: a stream of the link on one side, a socket on the other.
class HttpSessions : public testing::Test {
 protected:
  HttpSessions() {
    target.name = "a.com";
    target.port = 443;
    GateOptions options;
    options.policy.add(parse_rule("a.com GET /ok"), true, "test");
    options.policy.add(parse_rule("192.0.2.7 GET /ok"), true, "test");
    options.authority = std::make_shared<LocalAuthority>(guest_trusts.temp.path() + "/ca");
    options.trust_store = host_trusts.trust_store;
    options.record = [this](std::string_view event, const base::Json& details) {
      EXPECT_EQ(event, "request");
      records.push_back(details);
    };
    state = std::make_shared<Gate::State>(loop.executor(), std::move(options));
    base::FdPair ends = base::make_socketpair();
    socket = std::make_shared<link::Descriptor>(loop.executor(), std::move(ends.first));
    auto far_end = std::make_shared<link::Descriptor>(loop.executor(), std::move(ends.second));
    server = std::make_shared<SocketEnd>(std::move(far_end));
  }

  using Talk = std::function<link::Task()>;
  // `guest` has the guest's end in `client`; both end with it.
  void run(Talk guest, Talk other) {
    loop.run({[this]() -> link::Task {
                const link::StreamPtr accepted = co_await link.a.session.accept();
                session = std::make_shared<HttpSession>(state, target, 7, judged);
                end = co_await session->serve(accepted, socket);
                accepted->reset();
              },
              [this, &guest]() -> link::Task {
                link::StreamPtr opened = co_await link.b.session.open();
                client = std::make_shared<GuestEnd>(std::move(opened), nullptr, unlimited);
                co_await guest();
              },
              std::move(other)});
  }

  // TLS over `client` and `server` from here on; false: it failed, and what said so is in `client_got`.
  asio::awaitable<bool> client_tls(std::string name) {
    SslPtr ssl = tls_client(*guest_context, name);
    co_return co_await client_handshake(std::move(ssl));
  }
  asio::awaitable<bool> client_handshake(SslPtr ssl) {
    const auto tls = std::make_shared<TlsStream>(loop.executor(), client, std::move(ssl));
    try {
      co_await tls->handshake();
    } catch (const base::Error& error) {
      client_got = error.problem();
    }
    client = tls;
    co_return client_got.empty();
  }
  link::Task guest_asks(std::string request) {
    co_await send(client, std::move(request));
    client_got = co_await receive_all(client);
    try {
      co_await client->shutdown_write();
    } catch (const base::Error&) {
      // The gate was faster.
    }
  }
  link::Task guest_asks_by_tls(std::string name, std::string request) {
    const bool met = co_await client_tls(std::move(name));
    if (met) co_await guest_asks(std::move(request));
  }
  link::Task server_answers() {
    server_got = co_await receive_until(server, "\r\n\r\n");
    co_await send(server, std::string(kPlainAnswer));
  }
  // As this host, with a certificate of that authority.
  link::Task server_answers_by_tls(TestAuthority& authority, std::string host) {
    SslPtr ssl = authority.server(host);
    const auto tls = std::make_shared<TlsStream>(loop.executor(), server, std::move(ssl));
    server = tls;
    try {
      co_await tls->handshake();
      co_await server_answers();
    } catch (const base::Error& error) {
      server_got = error.problem();
    }
  }

  link::Loop loop;
  link::SessionPair link{loop};
  TestAuthority host_trusts;
  TestAuthority guest_trusts;
  SslContextPtr guest_context = tls_client_context(guest_trusts.trust_store);
  Budget unlimited{loop.executor(), 0, 0};
  Target target;
  HttpJudged judged = HttpJudged::kAll;
  StatePtr state;
  std::shared_ptr<link::Descriptor> socket;
  std::shared_ptr<HttpSession> session;
  ByteStreamPtr client;
  ByteStreamPtr server;
  std::string client_got;
  std::string server_got;
  std::vector<base::Json> records;
  link::RelayEnd end;
};

}  // namespace caisson::gate
