// SPDX-License-Identifier: Apache-2.0

// What clients and servers do to get past the proxy's judgement, or to harm it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gate/http1_proxy_for_test.h"

namespace caisson::gate {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kHead = "GET /ok HTTP/1.1\r\nHost: a.com\r\n";
constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
constexpr const char* kOkPassed = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

TEST_F(Http1Proxy, AnswersWhatNoRuleAllows) {
  const std::string answer = refused("GET /other?x HTTP/1.1\r\nHost: a.com\r\n\r\n");
  const std::string reason = "no rule allows GET '/other' on 'a.com' port 80";
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 403 Forbidden\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nx-caisson: refused\r\nconnection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\ncaisson: " + reason + "\n"));
  ASSERT_EQ(records.size(), 1U);
  EXPECT_FALSE(records[0].allowed);
  EXPECT_TRUE(records[0].any_rule);
  EXPECT_EQ(records[0].reason, reason);
  EXPECT_EQ(records[0].status, 403);
  EXPECT_EQ(records[0].path, "/other");
}

TEST_F(Http1Proxy, NamesTheRuleThatDenies) {
  EXPECT_THAT(refused("GET /ok/secret HTTP/1.1\r\nHost: a.com\r\n\r\n"),
              EndsWith("caisson: GET '/ok/secret' on 'a.com' port 80 is denied by the rule 'a.com:80 * /ok/secret'\n"));
  EXPECT_FALSE(records[0].any_rule);
  EXPECT_TRUE(records[0].entry);
}

TEST_F(Http1Proxy, RefusesPathsThatCouldMeanAnother) {
  for (const char* path : {"/ok/%2e%2e/x", "/ok/../x", "//ok/x", "/ok//x", "/ok/x;y", "/ok/%2Fx", "/ok/%5cx",
                           "/ok/a%00", "/ok/%zz", "/ok/./x"}) {
    SetUp();
    const std::string answer = refused("GET " + std::string(path) + " HTTP/1.1\r\nHost: a.com\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 ")) << path;
    EXPECT_THAT(answer, HasSubstr("has no single meaning\n")) << path;
  }
  // A denied path in another case or form.
  for (const char* path : {"/ok/SECRET", "/ok/secret/", "/ok/%73ecret", "/OK/secret"}) {
    SetUp();
    EXPECT_THAT(refused("GET " + std::string(path) + " HTTP/1.1\r\nHost: a.com\r\n\r\n"), StartsWith("HTTP/1.1 403 "))
        << path;
  }
}

TEST_F(Http1Proxy, RefusesAnotherHost) {
  for (const char* host : {"b.com", "a.com:81", "x.a.com", "127.0.0.1"}) {
    SetUp();
    const std::string answer = refused("GET /ok HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 403 ")) << host;
    EXPECT_THAT(answer, HasSubstr("its Host ")) << host;
  }
}

TEST_F(Http1Proxy, RefusesRequestsThatCouldBeReadDifferently) {
  for (const char* rest : {
           "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",  // both lengths
           "Content-Length: 3\r\nContent-Length: 4\r\n\r\n",
           "Content-Length: 3, 3\r\n\r\n",
           "Content-Length: +3\r\n\r\n",
           "Transfer-Encoding: gzip, chunked\r\n\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
           "X: a\r\n b\r\n\r\n",                 // obs-fold
           "X: a\nGET /other HTTP/1.1\r\n\r\n",  // bare LF
           "X : a\r\n\r\n",
           "Host: b.com\r\n\r\n",
           "Connection: content-length\r\n\r\n",
           "X: a\rb\r\n\r\n",
       }) {
    SetUp();
    const std::string answer = refused(kHead + std::string(rest));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 ")) << rest;
    EXPECT_THAT(answer, HasSubstr("caisson: the HTTP request is refused: ")) << rest;
    EXPECT_EQ(records.at(0).status, 400);
  }
  SetUp();
  EXPECT_THAT(refused(kHead + std::string("X: a\0b\r\n\r\n", 10)), StartsWith("HTTP/1.1 400 "));
  SetUp();
  EXPECT_THAT(refused("GET http://b.com/ok HTTP/1.1\r\nHost: a.com\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  SetUp();
  EXPECT_THAT(refused("CONNECT a.com:443 HTTP/1.1\r\nHost: a.com:443\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(Http1Proxy, RefusesAHeadThatIsTooLong) {
  EXPECT_THAT(refused(kHead + std::string("X: ") + std::string(70000, 'x')), StartsWith("HTTP/1.1 400 "));
  SetUp();
  std::string many;
  for (int i = 0; i < 300; ++i) many += "a: b\r\n";
  EXPECT_THAT(refused(kHead + many + "\r\n"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(Http1Proxy, RefusesWhatIsNoHttp1) {
  EXPECT_EQ(refused("SSH-2.0-OpenSSH\r\n"), "(broken)");
  EXPECT_TRUE(end.not_http);
  EXPECT_THAT(end.failure, StartsWith("the client speaks neither HTTP nor TLS"));
  SetUp();
  EXPECT_EQ(refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "(broken)");
  EXPECT_THAT(end.failure, StartsWith("the client speaks neither HTTP nor TLS"));
}

TEST_F(Http1Proxy, RefusesAServerThatSpeaksFirst) {
  run({[this]() -> link::Task { client_got = co_await receive_all(client); },
       [this]() -> link::Task { co_await send(server, "220 mail\r\n"); }});
  EXPECT_EQ(client_got, "(broken)");
  EXPECT_TRUE(end.not_http);
  EXPECT_THAT(end.failure, StartsWith("the server spoke first"));
}

TEST_F(Http1Proxy, RefusesTheSecondOfTwoRequests) {
  // Hidden in what could be taken for the first one's body.
  talk(std::string(kHead) + "\r\nGET /other HTTP/1.1\r\nHost: a.com\r\n\r\n", kOk);
  EXPECT_EQ(server_got, "GET /ok HTTP/1.1\r\nhost: a.com\r\n\r\n");
  EXPECT_THAT(client_got, StartsWith(std::string(kOkPassed) + "HTTP/1.1 403 Forbidden\r\n"));
  ASSERT_EQ(records.size(), 2U);
  EXPECT_TRUE(records[0].allowed);
  EXPECT_FALSE(records[1].allowed);
}

TEST_F(Http1Proxy, FramesABodyThatLooksLikeARequest) {
  const std::string hidden = "GET /other HTTP/1.1\r\nHost: a.com\r\n\r\n";
  talk("POST /ok HTTP/1.1\r\nHost: a.com\r\nContent-Length: " + std::to_string(hidden.size()) + "\r\n\r\n" + hidden,
       kOk);
  EXPECT_EQ(server_got, "POST /ok HTTP/1.1\r\nhost: a.com\r\ncontent-length: " + std::to_string(hidden.size()) +
                            "\r\n\r\n" + hidden);
  EXPECT_EQ(records.size(), 1U);
}

TEST_F(Http1Proxy, RefusesChunksThatOverflow) {
  run({[this] {
         return client_says(
             "POST /ok HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding: chunked\r\n\r\n"
             "3\r\nabc\r\nFFFFFFFFFFFFFFFF\r\nx");
       },
       [this]() -> link::Task { server_got = co_await receive_all(server); }});
  EXPECT_THAT(client_got, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(client_got, HasSubstr("a chunk's size is no number, or too large"));
  // Cut off, so that the server cannot take it for a whole body.
  EXPECT_THAT(server_got, EndsWith("(broken)"));
  EXPECT_EQ(records.at(0).status, 400);
}

TEST_F(Http1Proxy, CutsOffTheBodyOfAClientThatDies) {
  run({[this]() -> link::Task {
    co_await send(client, "POST /ok HTTP/1.1\r\nHost: a.com\r\nContent-Length: 100\r\n\r\nabc");
    (void)co_await receive_until(server, "abc");
    client->abort();
    server_got = co_await receive_all(server);
  }});
  EXPECT_EQ(server_got, "(broken)");
  EXPECT_EQ(end.failure, "the stream is broken");
  EXPECT_EQ(records.at(0).reason, "the stream is broken");
}

TEST_F(Http1Proxy, CutsOffTheBodyOfAServerThatDies) {
  for (const ServerEnds ends : {ServerEnds::kBroken, ServerEnds::kOrderly}) {
    SetUp();
    talk(std::string(kHead) + "\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", ends);
    EXPECT_THAT(client_got, EndsWith("(broken)"));
    EXPECT_NE(records.at(0).reason, "");
    EXPECT_NE(end.failure, "");
  }
}

TEST_F(Http1Proxy, SaysThatTheServerDidNotAnswer) {
  talk(std::string(kHead) + "\r\n", "", ServerEnds::kOrderly);
  EXPECT_THAT(client_got, StartsWith("HTTP/1.1 502 Bad Gateway\r\n"));
  EXPECT_THAT(client_got, HasSubstr("\r\nx-caisson: failed\r\n"));
  EXPECT_THAT(client_got, EndsWith("caisson: the server ended the connection before it answered\n"));
  EXPECT_EQ(records.at(0).status, 502);
}

TEST_F(Http1Proxy, RefusesAnswersThatCouldBeReadDifferently) {
  for (const char* head : {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nX: a\n\r\n\r\n", "HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n"}) {
    SetUp();
    talk(std::string(kHead) + "\r\n", head);
    EXPECT_THAT(client_got, StartsWith("HTTP/1.1 502 ")) << head;
  }
}

TEST_F(Http1Proxy, PassesNoSecondAnswerToOneRequest) {
  // It would be the answer to whatever the client asks next.
  talk(std::string(kHead) + "\r\n", std::string(kOk) + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
  EXPECT_EQ(client_got, kOkPassed);
}

TEST_F(Http1Proxy, PassesNoOtherUpgrade) {
  talk(std::string(kHead) + "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
       "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
  EXPECT_EQ(server_got, "GET /ok HTTP/1.1\r\nhost: a.com\r\n\r\n(broken)");
  EXPECT_THAT(client_got, StartsWith("HTTP/1.1 502 "));
}

TEST_F(Http1Proxy, JudgesTheRequestOfAWebSocket) {
  EXPECT_THAT(refused("GET /other HTTP/1.1\r\nHost: a.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
              StartsWith("HTTP/1.1 403 "));
}

TEST_F(Http1Proxy, ReadsNoBodyAsARequestWhenTheServerTakesNoMore) {
  const std::string hidden = "GET /ok/hidden HTTP/1.1\r\nHost: a.com\r\n\r\n";
  run({[=, this]() -> link::Task {
         co_await send(client, "POST /ok HTTP/1.1\r\nHost: a.com\r\nContent-Length: 1000\r\n\r\n");
         client_got = co_await receive_until(client, "\r\n\r\n");
         server->close();
         co_await send(client, hidden + hidden);
         client_got += co_await receive_all(client);
         co_await client->shutdown_write();
       },
       [this]() -> link::Task {
         server_got = co_await receive_until(server, "\r\n\r\n");
         co_await send(server, kOk);
       }});
  ASSERT_EQ(records.size(), 1U);
  EXPECT_THAT(client_got, StartsWith(kOkPassed));
}

TEST_F(Http1Proxy, EndsAHeadThatComesTooSlowly) {
  options.limits.head = std::chrono::milliseconds(20);
  run({[this]() -> link::Task {
    co_await send(client, "GET /ok HT");
    client_got = co_await receive_all(client);
  }});
  EXPECT_EQ(client_got, "(broken)");
  EXPECT_EQ(end.failure, "a request's head took too long");
}

TEST_F(Http1Proxy, HoldsNoMoreOfHeadsThanTheAccountOfAllConnectionsHas) {
  options.held = std::make_shared<HeldBytes>(4096);
  Held others(options.held);
  others.set(4050);
  run({[this]() -> link::Task {
    co_await send(client, "GET /ok HTTP/1.1\r\nHost: a.com\r\nX: 0123456789");
    client_got = co_await receive_all(client);
  }});
  EXPECT_EQ(client_got, "(broken)");
  EXPECT_THAT(end.failure, HasSubstr("too much is held"));
  EXPECT_EQ(options.held->held(), 4050U);
}

TEST_F(Http1Proxy, GivesBackWhatItHeldOfAHeadThatWasPassedOn) {
  options.held = std::make_shared<HeldBytes>(4096);
  size_t while_answering = 1;
  run({[this] { return client_says(std::string(kHead) + "\r\n"); },
       [&, this]() -> link::Task {
         server_got = co_await receive_until(server, "\r\n\r\n");
         while_answering = options.held->held();
         co_await send(server, kOk);
       }});
  EXPECT_THAT(client_got, StartsWith(kOkPassed));
  EXPECT_EQ(while_answering, 0U);
  EXPECT_EQ(options.held->held(), 0U);
}

TEST_F(Http1Proxy, EndsAnAnswersHeadThatComesTooSlowly) {
  options.limits.head = std::chrono::milliseconds(20);
  run({[this] { return client_says(std::string(kHead) + "\r\n"); },
       [this]() -> link::Task {
         server_got = co_await receive_until(server, "\r\n\r\n");
         co_await send(server, "HTTP/1.1 200");
       }});
  EXPECT_EQ(client_got, "(broken)");
  EXPECT_EQ(end.failure, "the head of an answer took too long");
}

TEST_F(Http1Proxy, EndsAClientThatAsksNothing) {
  options.limits.idle = std::chrono::milliseconds(20);
  run({[this]() -> link::Task { client_got = co_await receive_all(client); }});
  EXPECT_EQ(end.failure, "no request came for too long");
}

TEST_F(Http1Proxy, DoesNotWaitForAClientThatNeverEnds) {
  options.limits.linger = std::chrono::milliseconds(20);
  run({[this]() -> link::Task {
    co_await send(client, "GET /other HTTP/1.1\r\nHost: a.com\r\n\r\n");
    client_got = co_await receive_all(client);
  }});
  EXPECT_THAT(client_got, StartsWith("HTTP/1.1 403 "));
}

TEST_F(Http1Proxy, AnswersEverythingWithTheReasonWhyThereIsNoServer) {
  options.no_server = "the certificate of 'a.com' has expired";
  server_side_.reset();
  run({[this] { return client_says(std::string(kHead) + "\r\n"); }});
  EXPECT_THAT(client_got, StartsWith("HTTP/1.1 502 "));
  EXPECT_THAT(client_got, EndsWith("caisson: the certificate of 'a.com' has expired\n"));
  EXPECT_EQ(records.at(0).status, 502);
}

}  // namespace
}  // namespace caisson::gate
