// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gate/http_session_for_test.h"
#include "gate/secrets_for_test.h"

namespace caisson::gate {
namespace {

using link::Task;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kRequest = "GET /ok HTTP/1.1\r\nHost: a.com\r\nConnection: close\r\n\r\n";
const std::string kAnswer = kPlainAnswer;
const std::string kAnswerPassed = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";

TEST_F(HttpSessions, JudgesPlainRequests) {
  target.port = 80;
  run([this] { return guest_asks(kRequest); }, [this] { return server_answers(); });
  EXPECT_EQ(server_got, "GET /ok HTTP/1.1\r\nhost: a.com\r\nconnection: close\r\n\r\n");
  EXPECT_EQ(client_got, kAnswerPassed);
  EXPECT_EQ(end.failure, "");
  EXPECT_EQ(end.from_stream_bytes, kRequest.size());
  EXPECT_EQ(end.to_stream_bytes, kAnswerPassed.size());
  ASSERT_EQ(records.size(), 1U);
  const base::Json wanted{{"id", 7},
                          {"scheme", "http"},
                          {"name", "a.com"},
                          {"port", 80},
                          {"method", "GET"},
                          {"path", "/ok"},
                          {"status", 200},
                          {"verdict", "allowed"},
                          {"rule", "a.com GET /ok"},
                          {"sent_bytes", server_got.size()},
                          {"received_bytes", kAnswerPassed.size()}};
  EXPECT_EQ(records[0], wanted);
  EXPECT_EQ(state->refusals.count, 0U);
}

// Of HTTP/2's compressed heads a few bytes can stand for many at the other side.
TEST_F(HttpSessions, CountTheBytesOfTheSideWithMore) {
  target.port = 80;
  const std::string terse = "GET /ok HTTP/1.1\r\nHost:a.com\r\nConnection:close\r\nA:1\r\nB:2\r\n\r\n";
  run([&, this] { return guest_asks(terse); }, [this] { return server_answers(); });
  ASSERT_GT(server_got.size(), terse.size());
  ASSERT_GT(kAnswerPassed.size(), kAnswer.size());
  EXPECT_EQ(state->budget.spent(), server_got.size() + kAnswerPassed.size());
}

TEST_F(HttpSessions, CountsRefusedRequestsWithTheRuleThatWouldAllowThem) {
  target.port = 8080;
  run([this] { return guest_asks("POST /no?secret HTTP/1.1\r\nHost: a.com:8080\r\n\r\n"); },
      [this]() -> Task { server_got = co_await receive_all(server); });
  EXPECT_THAT(client_got, StartsWith("HTTP/1.1 403 "));
  EXPECT_EQ(server_got, "");
  EXPECT_EQ(records.at(0)["verdict"], "refused");
  EXPECT_EQ(records.at(0)["reason"], "no rule allows POST '/no' on 'a.com' port 8080");
  EXPECT_THAT(records.at(0).dump(), testing::Not(HasSubstr("secret")));
  const auto counted = state->refusals.targets.find("POST http://a.com:8080/no");
  ASSERT_NE(counted, state->refusals.targets.end());
  EXPECT_EQ(counted->second.allow, "a.com:8080 POST /no");
}

// A user may copy what is suggested: it would open more than this request, or be read by the shell.
class MadeUpRequests : public HttpSessions, public testing::WithParamInterface<const char*> {};

TEST_P(MadeUpRequests, HaveNoRuleSuggested) {
  target.port = 8080;
  run([&] { return guest_asks(std::string(GetParam()) + " HTTP/1.1\r\nHost: a.com:8080\r\n\r\n"); },
      [this]() -> Task { server_got = co_await receive_all(server); });
  ASSERT_EQ(state->refusals.count, 1U);
  EXPECT_EQ(state->refusals.targets.begin()->second.allow, "");
}

INSTANTIATE_TEST_SUITE_P(All, MadeUpRequests, testing::Values("GET /**", "GET /$(id)", "GET /a&id", "G'ET /no"));

TEST_F(HttpSessions, ReadsRequestsInsideTls) {
  run([this] { return guest_asks_by_tls("a.com", kRequest); },
      [this] { return server_answers_by_tls(host_trusts, "a.com"); });
  EXPECT_EQ(server_got, "GET /ok HTTP/1.1\r\nhost: a.com\r\nconnection: close\r\n\r\n");
  EXPECT_EQ(client_got, kAnswerPassed);
  EXPECT_EQ(end.failure, "");
  EXPECT_EQ(records.at(0)["scheme"], "https");
  EXPECT_EQ(records.at(0)["verdict"], "allowed");
}

TEST_F(HttpSessions, RefusesRequestsInsideTls) {
  run([this] { return guest_asks_by_tls("a.com", "GET /no HTTP/1.1\r\nHost: a.com\r\n\r\n"); },
      [this] { return server_answers_by_tls(host_trusts, "a.com"); });
  EXPECT_THAT(client_got, StartsWith("HTTP/1.1 403 "));
  EXPECT_TRUE(state->refusals.targets.contains("GET https://a.com/no"));
}

TEST_F(HttpSessions, PutsSecretsIntoRequestsInsideTls) {
  SecretsForTest secrets;
  secrets.add("api", {header_place("x-api-key: {}")}, {"a.com:443"});
  state->secrets = secrets.sandbox();
  // What no rule speaks of is allowed in any form.
  judged = http_judged(Policy(), *state->secrets, target);
  EXPECT_EQ(judged, HttpJudged::kSecrets);
  run(
      [this] {
        return guest_asks_by_tls("a.com", "GET /a%2Fb?c HTTP/1.1\r\nHost: a.com\r\nConnection: close\r\nX-Api-Key: " +
                                              kTestPlaceholder + "\r\n\r\n");
      },
      [this] { return server_answers_by_tls(host_trusts, "a.com"); });
  EXPECT_THAT(server_got, StartsWith("GET /a%2Fb?c HTTP/1.1\r\n"));
  EXPECT_THAT(server_got, HasSubstr("x-api-key: " + kTestValue + "\r\n"));
  EXPECT_THAT(client_got, EndsWith("hi\r\n0\r\n\r\n"));
  EXPECT_TRUE(session->used_secret("api"));
  EXPECT_FALSE(session->used_secret("other"));
  EXPECT_EQ(records.at(0)["secrets"], base::Json({"api"}));
  EXPECT_EQ(records.at(0)["verdict"], "allowed");
  EXPECT_EQ(records.at(0).dump().find(kTestValue), std::string::npos);
}

TEST_F(HttpSessions, ASecretGoesToNoServerWithAnotherCertificate) {
  SecretsForTest secrets;
  secrets.add("api", {header_place("x-api-key: {}")}, {"a.com:443"});
  state->secrets = secrets.sandbox();
  run(
      [this] {
        return guest_asks_by_tls("a.com",
                                 "GET /ok HTTP/1.1\r\nHost: a.com\r\nX-Api-Key: " + kTestPlaceholder + "\r\n\r\n");
      },
      [this] { return server_answers_by_tls(host_trusts, "b.com"); });
  EXPECT_THAT(client_got, StartsWith("HTTP/1.1 502 "));
  EXPECT_THAT(server_got, Not(HasSubstr(kTestValue)));
  EXPECT_FALSE(session->used_secret("api"));
}

TEST_F(HttpSessions, ServesAddresses) {
  target.name.reset();
  target.address = IpAddress::parse("192.0.2.7").value();
  run(
      [this] {
        return guest_asks_by_tls("192.0.2.7", "GET /ok HTTP/1.1\r\nHost: 192.0.2.7\r\nConnection: close\r\n\r\n");
      },
      [this] { return server_answers_by_tls(host_trusts, "192.0.2.7"); });
  EXPECT_EQ(client_got, kAnswerPassed);
  EXPECT_EQ(records.at(0)["address"], "192.0.2.7");
}

TEST_F(HttpSessions, AnswersWithWhatIsWrongWithTheServersCertificate) {
  TestAuthority unknown;
  run([this] { return guest_asks_by_tls("a.com", kRequest); }, [&] { return server_answers_by_tls(unknown, "a.com"); });
  EXPECT_THAT(client_got, StartsWith("HTTP/1.1 502 "));
  const std::string reason =
      "TLS with 'a.com' failed: its certificate is not accepted: unable to get local issuer certificate";
  EXPECT_THAT(client_got, EndsWith("caisson: " + reason + "\n"));
  EXPECT_THAT(server_got, HasSubstr("alert unknown ca"));
  EXPECT_EQ(records.at(0)["verdict"], "failed");
  EXPECT_EQ(records.at(0)["reason"], reason);
}

TEST_F(HttpSessions, AnswersWithThatTheServersCertificateIsAnothers) {
  run([this] { return guest_asks_by_tls("a.com", kRequest); },
      [this] { return server_answers_by_tls(host_trusts, "b.com"); });
  EXPECT_THAT(client_got, EndsWith("its certificate is not accepted: hostname mismatch\n"));
}

TEST_F(HttpSessions, RefusesAnotherName) {
  run([this] { return guest_asks_by_tls("b.com", kRequest); },
      [this]() -> Task { server_got = co_await receive_all(server); });
  EXPECT_EQ(session->refusal(), "its TLS ClientHello names 'b.com' (SNI)");
  EXPECT_EQ(server_got, "");
}

TEST_F(HttpSessions, RefusesAnotherHostInsideTls) {
  run([this] { return guest_asks_by_tls("a.com", "GET /ok HTTP/1.1\r\nHost: b.com\r\n\r\n"); },
      [this] { return server_answers_by_tls(host_trusts, "a.com"); });
  EXPECT_THAT(client_got, StartsWith("HTTP/1.1 403 "));
}

TEST_F(HttpSessions, RefusesClientsWithoutHttp) {
  SslPtr ssl = tls_client(*guest_context, "a.com");
  offer_protocols(*ssl, "\x05other");
  run([&]() -> Task { (void)co_await client_handshake(std::move(ssl)); },
      [this]() -> Task { server_got = co_await receive_all(server); });
  EXPECT_THAT(client_got, HasSubstr("alert no application protocol"));
  EXPECT_EQ(session->refusal(), "the client speaks neither HTTP/1.1 nor HTTP/2 (ALPN), and requests are judged here");
}

TEST_F(HttpSessions, SaysWhenTheClientDoesNotTrustTheAuthority) {
  guest_context = tls_client_context(host_trusts.trust_store);
  run([this] { return guest_asks_by_tls("a.com", kRequest); },
      [this] { return server_answers_by_tls(host_trusts, "a.com"); });
  EXPECT_THAT(client_got, HasSubstr("its certificate is not accepted"));
  EXPECT_THAT(end.failure, StartsWith("the TLS handshake with the client failed: "));
  EXPECT_EQ(session->refusal(), "");
}

TEST_F(HttpSessions, RefusesWhatIsNeitherHttpNorTls) {
  run([this] { return guest_asks("SSH-2.0-OpenSSH_9\r\n"); },
      [this]() -> Task { server_got = co_await receive_all(server); });
  EXPECT_EQ(client_got, "(broken)");
  EXPECT_EQ(server_got, "");
  EXPECT_EQ(session->refusal(), "the client speaks neither HTTP nor TLS, and requests are judged here");
}

TEST_F(HttpSessions, RefusesAServerThatSpeaksFirst) {
  run([this]() -> Task { client_got = co_await receive_all(client); },
      [this]() -> Task { co_await send(server, "220 mail\r\n"); });
  EXPECT_EQ(client_got, "(broken)");
  EXPECT_THAT(session->refusal(), StartsWith("the server spoke first"));
}

// An allowed name of a server that has many sites.
TEST_F(HttpSessions, JudgeTheHostAlone) {
  target.port = 80;
  judged = HttpJudged::kHost;
  const std::string first = "POST //x%2f;y?z HTTP/1.1\r\nHost: A.com:80\r\n\r\n";
  std::string second;
  run([&, this] { return guest_asks(first + "GET /ok HTTP/1.1\r\nHost: b.com\r\n\r\n"); },
      [&, this]() -> Task {
        co_await server_answers();
        second = co_await receive_all(server);
      });
  EXPECT_EQ(server_got, "POST //x%2f;y?z HTTP/1.1\r\nhost: a.com\r\n\r\n");
  EXPECT_EQ(second, "");
  EXPECT_THAT(client_got, HasSubstr("HTTP/1.1 403 Forbidden"));
  EXPECT_THAT(client_got, EndsWith("caisson: its Host is 'b.com', and the connection is to 'a.com'\n"));
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0]["verdict"], "allowed");
  EXPECT_EQ(records[0]["path"], "//x%2f;y");
  EXPECT_EQ(records[1]["verdict"], "refused");
}

TEST_F(HttpSessions, PassOnWebSocketsWhereTheHostAloneIsJudged) {
  target.port = 80;
  judged = HttpJudged::kHost;
  run(
      [this] {
        return guest_asks("GET /w HTTP/1.1\r\nHost: a.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nping");
      },
      [this]() -> Task {
        (void)co_await receive_until(server, "\r\n\r\n");
        co_await send(server, "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        server_got = co_await receive_until(server, "ping");
        co_await send(server, "pong");
        server->close();
      });
  EXPECT_EQ(server_got, "ping");
  EXPECT_THAT(client_got, EndsWith("\r\n\r\npong"));
}

TEST_F(HttpSessions, RefuseWhatIsNoRequestWhereTheHostAloneIsJudged) {
  target.port = 80;
  judged = HttpJudged::kHost;
  // A server may take what follows the empty line for a request.
  run([this] { return guest_asks("\r\nGET / HTTP/1.1\r\nHost: b.com\r\n\r\n"); },
      [this]() -> Task { server_got = co_await receive_all(server); });
  EXPECT_EQ(client_got, "(broken)");
  EXPECT_EQ(server_got, "");
  EXPECT_EQ(session->refusal(), "the client speaks neither HTTP nor TLS, and requests are judged here");
}

TEST_F(HttpSessions, RefuseTlsWhereTheHostAloneIsJudged) {
  target.port = 80;
  judged = HttpJudged::kHost;
  run([this]() -> Task { (void)co_await client_tls("a.com"); },
      [this]() -> Task { server_got = co_await receive_all(server); });
  EXPECT_EQ(server_got, "");
  EXPECT_THAT(session->refusal(), StartsWith("the client speaks TLS on the port of plain HTTP"));
}

TEST_F(HttpSessions, ObjectToAPolicyThatDeniesWhatIsUnderWay) {
  target.port = 80;
  Policy denies = state->options.policy;
  denies.add(parse_rule("a.com * /ok"), false, "later");
  std::optional<Verdict> during;
  run([this] { return guest_asks(kRequest); },
      [&]() -> Task {
        server_got = co_await receive_until(server, "\r\n\r\n");
        during = session->objection(denies);
        EXPECT_FALSE(session->objection(state->options.policy).has_value());
        co_await send(server, kAnswer);
      });
  ASSERT_TRUE(during.has_value());
  EXPECT_THAT(during->reason, HasSubstr("is denied by the rule 'a.com * /ok'"));
  ASSERT_TRUE(during->entry.has_value());
  EXPECT_EQ(during->entry->origin, "later");
  EXPECT_FALSE(session->objection(denies).has_value());
}

}  // namespace
}  // namespace caisson::gate
