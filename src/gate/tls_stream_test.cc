// SPDX-License-Identifier: Apache-2.0

#include "gate/tls_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gate/byte_stream_for_test.h"
#include "gate/tls_for_test.h"
#include "link/link_for_test.h"

namespace caisson::gate {
namespace {

using link::Task;
using testing::HasSubstr;

class Tls : public testing::Test {
 protected:
  Tls() { std::tie(below_client, below_server) = MemoryStream::pair(loop.executor()); }

  void start(SslPtr client_ssl, SslPtr server_ssl) {
    client = std::make_shared<TlsStream>(loop.executor(), below_client, std::move(client_ssl));
    server = std::make_shared<TlsStream>(loop.executor(), below_server, std::move(server_ssl));
  }
  void start() { start(tls_client(*client_context, "a.com"), authority.server("a.com")); }
  // Both handshakes; what each says of its failure.
  void shake() {
    loop.run({[this]() -> Task { client_problem = co_await problem_of(client, below_client); },
              [this]() -> Task { server_problem = co_await problem_of(server, below_server); }});
  }
  static asio::awaitable<std::string> problem_of(std::shared_ptr<TlsStream> end, ByteStreamPtr below) {
    const std::function<Task()> handshake = [&end] { return end->handshake(); };
    std::string problem = co_await link::error_of(handshake);
    if (!problem.empty()) co_await below->shutdown_write();
    co_return problem;
  }

  link::Loop loop;
  TestAuthority authority;
  SslContextPtr client_context = tls_client_context(authority.trust_store);
  std::shared_ptr<MemoryStream> below_client;
  std::shared_ptr<MemoryStream> below_server;
  std::shared_ptr<TlsStream> client;
  std::shared_ptr<TlsStream> server;
  std::string client_problem;
  std::string server_problem;
};

TEST_F(Tls, PassesBytesBothWaysAtOnce) {
  start();
  shake();
  ASSERT_EQ(client_problem + server_problem, "");
  const std::string large(1U << 20, 'x');
  std::string at_client;
  std::string at_server;
  loop.run({[&]() -> Task {
              co_await send(client, large);
              co_await client->shutdown_write();
            },
            [&]() -> Task { at_client = co_await receive_all(client); },
            [&]() -> Task {
              co_await send(server, large);
              co_await server->shutdown_write();
            },
            [&]() -> Task { at_server = co_await receive_all(server); }});
  EXPECT_EQ(at_client, large);
  EXPECT_EQ(at_server, large);
}

TEST_F(Tls, KeepsTheOtherDirectionWhenOneEnds) {
  start();
  shake();
  std::string at_client;
  loop.run({[&]() -> Task {
              co_await client->shutdown_write();
              at_client = co_await receive_all(client);
            },
            [&]() -> Task {
              (void)co_await receive_all(server);
              co_await send(server, "answer");
              co_await server->shutdown_write();
            }});
  EXPECT_EQ(at_client, "answer");
}

TEST_F(Tls, DoesNotTakeACutForAnEnd) {
  start();
  shake();
  std::string at_client;
  loop.run({[&]() -> Task {
              co_await send(server, "half");
              co_await below_server->shutdown_write();
            },
            [&]() -> Task { at_client = co_await receive_all(client); }});
  EXPECT_EQ(at_client, "half(broken)");
}

TEST_F(Tls, NoticesAChangedByte) {
  start();
  shake();
  std::string at_client;
  loop.run({[&]() -> Task {
    co_await send(below_server, std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'));
    at_client = co_await receive_all(client);
  }});
  EXPECT_EQ(at_client, "(broken)");
}

TEST_F(Tls, RefusesAnotherNamesCertificate) {
  start(tls_client(*client_context, "a.com"), authority.server("b.com"));
  shake();
  EXPECT_EQ(client_problem, "its certificate is not accepted: hostname mismatch");
  // It was told.
  EXPECT_THAT(server_problem, HasSubstr("alert bad certificate"));
}

TEST_F(Tls, RefusesAnUnknownAuthority) {
  TestAuthority other;
  start(tls_client(*client_context, "a.com"), other.server("a.com"));
  shake();
  EXPECT_THAT(client_problem, HasSubstr("its certificate is not accepted: unable to get local issuer certificate"));
  EXPECT_THAT(server_problem, HasSubstr("alert unknown ca"));
}

TEST_F(Tls, KnowsServersByAddress) {
  SslPtr answering = authority.server("192.0.2.7");
  SSL* const ssl = answering.get();
  start(tls_client(*client_context, "192.0.2.7"), std::move(answering));
  shake();
  EXPECT_EQ(client_problem + server_problem, "");
  // SNI is for names (RFC 6066, section 3).
  EXPECT_EQ(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name), nullptr);
}

TEST_F(Tls, RefusesOldVersions) {
  SslPtr old = tls_client(*client_context, "a.com");
  SSL_set_security_level(old.get(), 0);
  ASSERT_EQ(SSL_set_min_proto_version(old.get(), TLS1_VERSION), 1);
  ASSERT_EQ(SSL_set_max_proto_version(old.get(), TLS1_1_VERSION), 1);
  start(std::move(old), authority.server("a.com"));
  shake();
  EXPECT_NE(client_problem, "");
  EXPECT_THAT(server_problem, HasSubstr("unsupported protocol"));
}

TEST_F(Tls, SpeaksHttp1WithClientsThatOfferMore) {
  SslPtr both = tls_client(*client_context, "a.com");
  constexpr unsigned char kBoth[] = "\x02h2\x08http/1.1";
  ASSERT_EQ(SSL_set_alpn_protos(both.get(), kBoth, sizeof kBoth - 1), 0);
  SSL* const ssl = both.get();
  start(std::move(both), authority.server("a.com"));
  shake();
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &chosen, &size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), "http/1.1");
}

TEST_F(Tls, TellsClientsThatOfferOtherProtocolsOnly) {
  SslPtr other = tls_client(*client_context, "a.com");
  constexpr unsigned char kOther[] = "\x02h2";
  ASSERT_EQ(SSL_set_alpn_protos(other.get(), kOther, sizeof kOther - 1), 0);
  start(std::move(other), authority.server("a.com"));
  shake();
  EXPECT_THAT(client_problem, HasSubstr("alert no application protocol"));
}

TEST_F(Tls, EndsWithAConnectionThatEndsWithinTheHandshake) {
  start();
  loop.run({[&]() -> Task { co_await below_server->shutdown_write(); },
            [&]() -> Task { client_problem = co_await problem_of(client, below_client); }});
  EXPECT_EQ(client_problem, "the connection ended within the TLS handshake");
}

}  // namespace
}  // namespace caisson::gate
