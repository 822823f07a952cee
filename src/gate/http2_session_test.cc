// SPDX-License-Identifier: Apache-2.0

// Which version of HTTP is spoken with whom.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gate/http2_peer_for_test.h"
#include "gate/http_session_for_test.h"

namespace caisson::gate {
namespace {

using link::Task;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class Http2Sessions : public HttpSessions {
 protected:
  // GET of these paths, one after the other, over `client` as it is; then the client goes.
  Task guest_asks_http2(std::vector<std::string> paths, std::string scheme) {
    peer = std::make_shared<Http2Peer>(loop.executor(), client, Http2Peer::Options());
    peer->start();
    for (const std::string& path : paths) {
      const std::string place = target.port == 443 ? "a.com" : "a.com:" + std::to_string(target.port);
      const int32_t id = peer->ask({{":method", "GET"}, {":scheme", scheme}, {":authority", place}, {":path", path}});
      co_await peer->until([this, id] { return peer->gone || peer->streams[id].closed.has_value(); });
    }
    co_await client->shutdown_write();
    co_await peer->until([this] { return peer->gone; });
  }
  // By TLS with these protocols; what was agreed on is in `agreed`.
  Task guest_asks_by_tls2(std::string_view protocols, std::vector<std::string> paths) {
    SslPtr ssl = tls_client(*guest_context, "a.com");
    offer_protocols(*ssl, protocols);
    const auto tls = std::make_shared<TlsStream>(loop.executor(), client, std::move(ssl));
    client = tls;
    co_await tls->handshake();
    agreed = tls->protocol();
    if (agreed == "h2") {
      co_await guest_asks_http2(std::move(paths), "https");
    } else {
      co_await guest_asks("GET /ok HTTP/1.1\r\nHost: a.com\r\nConnection: close\r\n\r\n");
    }
  }
  // An HTTP/2 server over `server` as it is.
  Task server_answers_http2() {
    other = std::make_shared<Http2Peer>(loop.executor(), server, Http2Peer::Options{.server = true});
    other->on_request = [this](int32_t id) {
      other->answer(id, {{":status", "200"}});
      other->say(id, "hi");
      other->end(id);
    };
    other->start();
    co_await other->until([this] { return other->gone; });
  }
  Task server_answers_by_tls2(std::string_view protocols) {
    taken = protocols;
    SslPtr ssl = host_trusts.server("a.com");
    take_protocols(*ssl, taken);
    const auto tls = std::make_shared<TlsStream>(loop.executor(), server, std::move(ssl));
    server = tls;
    co_await tls->handshake();
    if (tls->protocol() == "h2") {
      co_await server_answers_http2();
      co_return;
    }
    try {
      co_await server_answers();
    } catch (const base::Error& error) {
      server_got = error.problem();
    }
  }

  std::shared_ptr<Http2Peer> peer;
  std::shared_ptr<Http2Peer> other;
  std::string agreed;
  std::string_view taken;
};

TEST_F(Http2Sessions, SpeaksHttp2WhereBothDo) {
  run(
      [this] {
        return guest_asks_by_tls2(kAlpnBoth, {"/ok", "/no"});
      },
      [this] { return server_answers_by_tls2(kAlpnBoth); });
  EXPECT_EQ(agreed, "h2");
  EXPECT_EQ(peer->streams[1].body, "hi");
  EXPECT_EQ(peer->streams[3].body, "caisson: no rule allows GET '/no' on 'a.com' port 443\n");
  EXPECT_EQ(end.failure, "");
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0]["scheme"], "https");
  EXPECT_EQ(records[0]["verdict"], "allowed");
  EXPECT_EQ(records[0]["status"], 200);
  EXPECT_EQ(records[1]["verdict"], "refused");
  EXPECT_TRUE(state->refusals.targets.contains("GET https://a.com/no"));
  EXPECT_EQ(state->http2_connections, 0U);
  EXPECT_GT(end.from_stream_bytes, 0U);
}

TEST_F(Http2Sessions, SpeaksHttp1WhereTheServerDoes) {
  run([this] { return guest_asks_by_tls2(kAlpnBoth, {"/ok"}); }, [this] { return server_answers_by_tls2(kAlpnHttp1); });
  EXPECT_EQ(agreed, "http/1.1");
  EXPECT_THAT(client_got, EndsWith("hi"));
  EXPECT_THAT(server_got, StartsWith("GET /ok HTTP/1.1"));
  EXPECT_EQ(state->http2_connections, 0U);
}

TEST_F(Http2Sessions, SaysThatThereIsNoPlaceToWhoSpeaksNothingElse) {
  state->http2_connections = 256;
  std::string problem;
  run(
      [&, this]() -> Task {
        try {
          std::vector<std::string> paths{"/ok"};
          co_await guest_asks_by_tls2(kAlpnHttp2, std::move(paths));
        } catch (const base::Error& error) {
          problem = error.problem();
        }
      },
      []() -> Task { co_return; });
  EXPECT_NE(problem, "");
  EXPECT_EQ(session->refusal(), "there are too many connections with HTTP/2 at a time (256)");
  EXPECT_EQ(state->http2_connections, 256U);
}

TEST_F(Http2Sessions, SpeaksHttp1WhereTheClientDoes) {
  run([this] { return guest_asks_by_tls2(kAlpnHttp1, {"/ok"}); }, [this] { return server_answers_by_tls2(kAlpnBoth); });
  EXPECT_EQ(agreed, "http/1.1");
  EXPECT_THAT(client_got, EndsWith("hi"));
}

TEST_F(Http2Sessions, SaysThatTheServerSpeaksNoHttp2) {
  run([this] { return guest_asks_by_tls2(kAlpnHttp2, {"/ok"}); },
      [this]() -> Task {
        // A server that knows no ALPN.
        SslPtr ssl = host_trusts.server("a.com");
        SSL_CTX_set_alpn_select_cb(host_trusts.server_context.get(), nullptr, nullptr);
        const auto tls = std::make_shared<TlsStream>(loop.executor(), server, std::move(ssl));
        co_await tls->handshake();
        server_got = co_await receive_all(tls);
      });
  EXPECT_EQ(agreed, "h2");
  EXPECT_EQ(value_of(peer->streams[1].head(), ":status"), "502");
  EXPECT_EQ(peer->streams[1].body, "caisson: 'a.com' speaks no HTTP/2 (ALPN), and the client nothing else\n");
}

TEST_F(Http2Sessions, AnswersWithWhatIsWrongWithTheServersCertificate) {
  TestAuthority unknown;
  run(
      [this] {
        return guest_asks_by_tls2(kAlpnBoth, {"/ok", "/ok"});
      },
      [&] { return server_answers_by_tls(unknown, "a.com"); });
  EXPECT_EQ(agreed, "h2");
  for (const int32_t id : {1, 3}) {
    EXPECT_EQ(value_of(peer->streams[id].head(), ":status"), "502");
    EXPECT_THAT(peer->streams[id].body, HasSubstr("its certificate is not accepted: unable to get local issuer"));
  }
  EXPECT_EQ(records.at(1)["verdict"], "failed");
}

TEST_F(Http2Sessions, SpeaksHttp2WithoutTlsWhereTheClientBeginsSo) {
  target.port = 8080;
  run([this] { return guest_asks_http2({"/ok", "/no"}, "http"); }, [this] { return server_answers_http2(); });
  EXPECT_EQ(session->refusal(), "");
  EXPECT_EQ(peer->streams[1].body, "hi");
  EXPECT_EQ(value_of(peer->streams[3].head(), ":status"), "403");
  EXPECT_EQ(records.at(0)["scheme"], "http");
}

TEST_F(Http2Sessions, UsesHttp1WhereTooManyConnectionsUseHttp2) {
  state->http2_connections = 256;
  run([this] { return guest_asks_by_tls2(kAlpnBoth, {"/ok"}); }, [this] { return server_answers_by_tls2(kAlpnBoth); });
  EXPECT_EQ(agreed, "http/1.1");
  EXPECT_EQ(state->http2_connections, 256U);
}

TEST_F(Http2Sessions, EndsWhatAPolicyThatHasChangedDenies) {
  target.port = 8080;
  std::optional<Verdict> objection;
  run([this] { return guest_asks_http2({"/ok"}, "http"); },
      [&]() -> Task {
        other = std::make_shared<Http2Peer>(loop.executor(), server, Http2Peer::Options{.server = true});
        other->on_request = [&](int32_t) {
          state->options.policy.add(parse_rule("a.com * /ok"), false, "later");
          objection = session->objection(state->options.policy);
          session->reconsider();
        };
        other->start();
        co_await other->until([this] { return other->gone; });
      });
  EXPECT_FALSE(objection.has_value());
  EXPECT_EQ(value_of(peer->streams[1].head(), ":status"), "403");
  EXPECT_THAT(peer->streams[1].body, HasSubstr("is denied by the rule 'a.com * /ok'"));
  EXPECT_EQ(records.at(0)["verdict"], "refused");
}

}  // namespace
}  // namespace caisson::gate
