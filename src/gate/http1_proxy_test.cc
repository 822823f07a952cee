// SPDX-License-Identifier: Apache-2.0

#include "gate/http1_proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gate/http1_proxy_for_test.h"

namespace caisson::gate {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST_F(Http1Proxy, PassesARequestAndItsAnswer) {
  talk("GET /ok/a?b=c HTTP/1.1\r\nHost: A.com\r\nX-One: two\r\n\r\n",
       "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(server_got, "GET /ok/a?b=c HTTP/1.1\r\nhost: a.com\r\nx-one: two\r\n\r\n");
  EXPECT_EQ(client_got, "HTTP/1.1 200 OK\r\nserver: x\r\ncontent-length: 5\r\n\r\nhello");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].method, "GET");
  EXPECT_EQ(records[0].path, "/ok/a");
  EXPECT_EQ(records[0].status, 200);
  EXPECT_TRUE(records[0].allowed);
  EXPECT_EQ(records[0].reason, "");
  EXPECT_EQ(records[0].sent_bytes, server_got.size());
  EXPECT_EQ(records[0].received_bytes, client_got.size());
  EXPECT_EQ(end.failure, "");
}

TEST_F(Http1Proxy, PassesManyRequestsOfOneConnection) {
  const std::string request = "GET /ok HTTP/1.1\r\nHost: a.com\r\n\r\n";
  const std::string answer = "HTTP/1.1 204 No Content\r\n\r\n";
  std::string requests;
  std::string answers;
  for (int i = 0; i < 50; ++i) {
    requests += request;
    answers += answer;
  }
  // All at once from the client; the server answers each when it is there.
  run({[=, this] { return client_says(requests); },
       [=, this]() -> link::Task {
         for (int i = 0; i < 50; ++i) {
           server_got += co_await receive_until(server, "\r\n\r\n");
           co_await send(server, answer);
         }
         server_got += co_await receive_all(server);
       }});
  EXPECT_EQ(client_got, answers);
  EXPECT_EQ(records.size(), 50U);
  EXPECT_EQ(end.failure, "");
}

TEST_F(Http1Proxy, PassesBodiesBothWays) {
  talk("POST /ok HTTP/1.1\r\nHost: a.com\r\nContent-Length: 3\r\n\r\nabc",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n");
  EXPECT_EQ(server_got, "POST /ok HTTP/1.1\r\nhost: a.com\r\ncontent-length: 3\r\n\r\nabc");
  EXPECT_EQ(client_got, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n");
}

TEST_F(Http1Proxy, PassesAChunkedRequestWithTrailers) {
  talk(
      "POST /ok HTTP/1.1\r\nHost: a.com\r\nTE: gzip, trailers\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;ext\r\nabc\r\n02\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(server_got,
            "POST /ok HTTP/1.1\r\nhost: a.com\r\ntransfer-encoding: chunked\r\nte: trailers\r\nconnection: TE\r\n\r\n"
            "3\r\nabc\r\n2\r\nde\r\n0\r\nx-sum: 1\r\n\r\n");
}

TEST_F(Http1Proxy, PassesABodyThatEndsWithTheConnection) {
  talk("GET /ok HTTP/1.1\r\nHost: a.com\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nhello", ServerEnds::kOrderly);
  EXPECT_EQ(client_got, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello");
  EXPECT_EQ(records[0].reason, "");
}

TEST_F(Http1Proxy, PassesLargeBodiesWithBoundedMemory) {
  // More than all buffers hold; the server answers what it has got.
  const std::string body(1U << 20, 'x');
  const std::string fields = "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  run({[=, this] { return client_says("POST /ok HTTP/1.1\r\nHost: a.com\r\n" + fields + body); },
       [=, this]() -> link::Task {
         server_got = co_await receive_until(server, "\r\n\r\n" + body);
         co_await send(server, "HTTP/1.1 200 OK\r\n" + fields + body);
       }});
  EXPECT_EQ(server_got.size(), body.size() + server_got.find("\r\n\r\n") + 4);
  EXPECT_EQ(client_got.size(), body.size() + client_got.find("\r\n\r\n") + 4);
}

TEST_F(Http1Proxy, AnswersToHeadHaveNoBody) {
  const std::string request = " /ok HTTP/1.1\r\nHost: a.com\r\n\r\n";
  run({[=, this] { return client_says("HEAD" + request + "GET" + request); },
       [this]() -> link::Task {
         server_got += co_await receive_until(server, "\r\n\r\n");
         co_await send(server, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
         server_got += co_await receive_until(server, "\r\n\r\n");
         co_await send(server, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
       }});
  EXPECT_EQ(client_got, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx");
}

TEST_F(Http1Proxy, PassesInterimAnswers) {
  // The client waits for the server's word before it sends the body.
  run({[this]() -> link::Task {
         co_await send(client, "PUT /ok HTTP/1.1\r\nHost: a.com\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
         client_got += co_await receive_until(client, "\r\n\r\n");
         co_await send(client, "hi");
         client_got += co_await receive_until(client, "\r\n\r\n");
         co_await client->shutdown_write();
         client_got += co_await receive_all(client);
       },
       [this]() -> link::Task {
         server_got += co_await receive_until(server, "\r\n\r\n");
         co_await send(server, "HTTP/1.1 100 Continue\r\n\r\n");
         server_got += co_await receive_until(server, "hi");
         co_await send(server, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
       }});
  EXPECT_THAT(server_got, HasSubstr("expect: 100-continue\r\n"));
  EXPECT_EQ(client_got, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n");
}

TEST_F(Http1Proxy, PassesAnAnswerThatComesBeforeTheBody) {
  // The client never sends all of it; the server has said no and that it closes.
  run({[this]() -> link::Task {
         co_await send(client, "PUT /ok HTTP/1.1\r\nHost: a.com\r\nContent-Length: 1000\r\n\r\nabc");
         client_got = co_await receive_all(client);
         co_await client->shutdown_write();
       },
       [this]() -> link::Task {
         server_got += co_await receive_until(server, "abc");
         co_await send(server, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
         server_got += co_await receive_all(server);
       }});
  EXPECT_EQ(client_got, "HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  EXPECT_THAT(server_got, testing::EndsWith("abc(broken)"));
}

TEST_F(Http1Proxy, LeavesOutWhatIsOfOneConnection) {
  talk(
      "GET /ok HTTP/1.1\r\nHost: a.com\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: 5\r\nX-Hop: 1\r\n"
      "Proxy-Connection: x\r\nX-Caisson: me\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n",
      "HTTP/1.1 200 OK\r\nConnection: X-Back\r\nX-Back: 1\r\nX-Caisson: refused\r\nKeep-Alive: 1\r\n"
      "Content-Length: 0\r\n\r\n");
  EXPECT_EQ(server_got, "GET /ok HTTP/1.1\r\nhost: a.com\r\n\r\n");
  EXPECT_EQ(client_got, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
}

TEST_F(Http1Proxy, SpeaksHttp10WithOneRequestAConnection) {
  talk("GET /ok HTTP/1.0\r\nHost: a.com\r\nConnection: keep-alive\r\n\r\n",
       "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_EQ(server_got, "GET /ok HTTP/1.0\r\nhost: a.com\r\nconnection: close\r\n\r\n");
  EXPECT_EQ(client_got, "HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi");
}

TEST_F(Http1Proxy, SendsAnAbsoluteFormAsAPath) {
  talk("GET http://a.com/ok HTTP/1.1\r\nHost: a.com\r\n\r\n", "HTTP/1.1 204 x\r\n\r\n");
  EXPECT_THAT(server_got, StartsWith("GET /ok HTTP/1.1\r\nhost: a.com\r\n"));
}

TEST_F(Http1Proxy, JoinsTheEndsOfAWebSocket) {
  run({[this]() -> link::Task {
         co_await send(client,
                       "GET /ok HTTP/1.1\r\nHost: a.com\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n"
                       "Sec-WebSocket-Key: k\r\n\r\n");
         client_got += co_await receive_until(client, "\r\n\r\n");
         co_await send(client, "GET /not/judged HTTP/1.1\r\n\r\n");
         client_got += co_await receive_until(client, "pong");
         co_await client->shutdown_write();
         client_got += co_await receive_all(client);
       },
       [this]() -> link::Task {
         server_got += co_await receive_until(server, "\r\n\r\n");
         co_await send(server, "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
         server_got += co_await receive_until(server, "\r\n\r\n");
         co_await send(server, "pong");
         server_got += co_await receive_all(server);
         co_await server->shutdown_write();
       }});
  EXPECT_EQ(
      server_got,
      "GET /ok HTTP/1.1\r\nhost: a.com\r\nsec-websocket-key: k\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n"
      "GET /not/judged HTTP/1.1\r\n\r\n");
  EXPECT_EQ(client_got, "HTTP/1.1 101 Switching\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\npong");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].status, 101);
  EXPECT_EQ(records[0].sent_bytes, server_got.size());
  EXPECT_EQ(end.failure, "");
}

TEST_F(Http1Proxy, EndsWithAServerThatEndsWhileNothingIsAsked) {
  run({[this]() -> link::Task {
         co_await send(client, "GET /ok HTTP/1.1\r\nHost: a.com\r\n\r\n");
         client_got = co_await receive_all(client);
         co_await client->shutdown_write();
       },
       [this]() -> link::Task {
         server_got += co_await receive_until(server, "\r\n\r\n");
         co_await send(server, "HTTP/1.1 204 x\r\n\r\n");
         co_await server->shutdown_write();
         server_got += co_await receive_all(server);
       }});
  EXPECT_EQ(client_got, "HTTP/1.1 204 x\r\n\r\n");
  EXPECT_EQ(end.failure, "");
}

}  // namespace
}  // namespace caisson::gate
