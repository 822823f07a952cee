// SPDX-License-Identifier: Apache-2.0

#include "gate/http1_proxy.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gate/http1_chunks.h"
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

struct LargeBodies : Http1Proxy {
  // Counts what was taken of it.
  static link::Task send_counted(ByteStreamPtr to, const std::string* text, size_t* sent) {
    constexpr size_t kPiece = 1024;
    for (size_t at = 0; at < text->size(); at += kPiece) {
      co_await send(to, text->substr(at, kPiece));
      *sent = std::min(at + kPiece, text->size());
    }
  }
  // Until nothing more of it is taken: all that can happen in this thread has happened then.
  asio::awaitable<size_t> most_taken(const size_t* sent) {
    constexpr int kTurns = 1000;
    size_t last = 0;
    for (int turn = 0; turn < kTurns; turn = *sent == last ? turn + 1 : 0) {
      last = *sent;
      co_await asio::post(loop.executor(), asio::use_awaitable);
    }
    co_return last;
  }
  static asio::awaitable<std::string> receive(ByteStreamPtr from, size_t bytes) {
    std::string text(bytes, '\0');
    const std::span<uint8_t> all(reinterpret_cast<uint8_t*>(text.data()), text.size());
    for (size_t at = 0; at < bytes;) {
      const size_t got = co_await from->read_some(all.subspan(at));
      if (got == 0) throw base::Error("the stream ended within the body");
      at += got;
    }
    co_return text;
  }
};

// None is taken before the other end takes it, but for what the streams beside the proxy and its own buffers hold; and
// what arrives is what was sent.
TEST_F(LargeBodies, PassWholeAndWithBoundedMemory) {
  constexpr size_t kMostHeld = 4 * MemoryStream::kCapacity;
  for (const bool chunked : {false, true}) {
    SetUp();
    const std::vector<uint8_t> bytes = link::pattern(8U << 20);
    const std::string body(bytes.begin(), bytes.end());
    const std::string framed = chunked ? fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", body.size(), body) : body;
    const std::string fields =
        (chunked ? "Transfer-Encoding: chunked" : "Content-Length: " + std::to_string(body.size())) + "\r\n\r\n";
    const std::string request = "POST /ok HTTP/1.1\r\nHost: a.com\r\n" + fields + framed;
    const std::string answer = "HTTP/1.1 200 OK\r\n" + fields + framed;
    size_t client_sent = 0;
    size_t server_sent = 0;
    size_t client_waited = 0;
    size_t server_waited = 0;
    const auto read_body = [&](ByteStreamPtr from, std::string* got) -> link::Task {
      co_await receive_until(from, "\r\n\r\n");
      if (!chunked) {
        *got = co_await receive(from, body.size());
        co_return;
      }
      ChunkReader chunks;
      std::vector<uint8_t> buffer(16U << 10);
      std::string unread;
      while (!chunks.done()) {
        const size_t size = co_await from->read_some(buffer);
        if (size == 0) throw base::Error("the stream ended within the body");
        unread.append(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
        while (!unread.empty() && !chunks.done()) {
          const BodyPiece piece = chunks.read(unread);
          got->append(piece.data);
          if (piece.used == 0) break;
          unread.erase(0, piece.used);
        }
      }
    };
    run({[&]() -> link::Task { co_await send_counted(client, &request, &client_sent); },
         [&]() -> link::Task {
           client_waited = co_await most_taken(&client_sent);
           co_await read_body(server, &server_got);
           co_await send_counted(server, &answer, &server_sent);
         },
         [&]() -> link::Task {
           while (server_sent == 0) co_await asio::post(loop.executor(), asio::use_awaitable);
           server_waited = co_await most_taken(&server_sent);
           co_await read_body(client, &client_got);
           co_await client->shutdown_write();
         }});
    EXPECT_LT(client_waited, kMostHeld) << chunked;
    EXPECT_LT(server_waited, kMostHeld) << chunked;
    EXPECT_TRUE(server_got == body) << chunked << ' ' << server_got.size();
    EXPECT_TRUE(client_got == body) << chunked << ' ' << client_got.size();
    EXPECT_EQ(end.failure, "");
  }
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
