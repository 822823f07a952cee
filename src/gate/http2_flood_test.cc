// SPDX-License-Identifier: Apache-2.0

// What a guest sends to use up the host.

#include <malloc.h>

#include "gate/http2_attack_for_test.h"

namespace caisson::gate {
namespace {

using link::Task;
using testing::HasSubstr;
using testing::StartsWith;

// CVE-2023-44487.
TEST_F(Http2Attack, RapidReset) {
  std::string bytes;
  for (uint32_t i = 0; i < 2000; ++i) {
    const uint8_t whole = NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS;
    bytes += frame(raw_head(), NGHTTP2_HEADERS, whole, 2 * i + 1);
    bytes += frame(std::string("\0\0\0\x08", 4), NGHTTP2_RST_STREAM, NGHTTP2_FLAG_NONE, 2 * i + 1);
  }
  run_raw(bytes);
  EXPECT_EQ(goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_EQ(end.failure, "the client begins requests that come to nothing too fast (rapid reset, or refusals)");
  EXPECT_LE(asked(), 300U);
}

// The same, where the gate has to reset (CVE-2025-8671).
TEST_F(Http2Attack, MakesTheGateReset) {
  run([this]() -> Task {
    for (int i = 0; i < 2000 && !client->gone; ++i) {
      const int32_t id = client->ask(with(get("/ok"), "connection", "close"));
      if (i % 50 == 49) co_await client->until([&] { return client->streams[id].closed || client->gone; });
    }
    co_await client->until([this] { return client->gone; });
  });
  EXPECT_EQ(client->goaway, static_cast<uint32_t>(NGHTTP2_ENHANCE_YOUR_CALM));
}

// A refusal is work of the gate's own.
TEST_F(Http2Attack, AsksForWhatIsRefusedWithoutEnd) {
  run([this]() -> Task {
    for (int i = 0; i < 2000 && !client->gone; ++i) {
      const int32_t id = client->ask(get("/no"));
      if (i % 50 == 49) co_await client->until([&] { return client->streams[id].closed || client->gone; });
    }
    co_await client->until([this] { return client->gone; });
  });
  EXPECT_EQ(client->goaway, static_cast<uint32_t>(NGHTTP2_ENHANCE_YOUR_CALM));
  EXPECT_EQ(asked(), 0U);
}

TEST_F(Http2Attack, HeadsThatWaitForTheServersFirstWordAreBounded) {
  no_http2_server = true;
  options.limits.head = std::chrono::milliseconds(500);
  size_t read = 0;
  options.judge = [&, judge = options.judge](std::string_view method, const CanonicalPath& path) {
    ++read;
    return judge(method, path);
  };
  size_t read_meanwhile = 0;
  run([&, this]() -> Task {
    const std::string long_value(50000, 'x');
    for (int i = 0; i < 90; ++i) client->ask(with(get("/ok"), "x-long", long_value));
    co_await receive_all(server_stream);
    read_meanwhile = read;
  });
  EXPECT_GT(read_meanwhile, 2U);
  EXPECT_LT(read_meanwhile, 15U);
}

// CVE-2024-28182.
TEST_F(Http2Attack, ContinuationFlood) {
  const std::string field("\x00\x01x\x01y", 5);
  std::string bytes = frame(raw_head(), NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1);
  for (int i = 0; i < 1000; ++i) bytes += frame(field, NGHTTP2_CONTINUATION, NGHTTP2_FLAG_NONE, 1);
  run_raw(bytes);
  EXPECT_THAT(end.failure, HasSubstr("CONTINUATION"));
  EXPECT_EQ(asked(), 0U);
}

// Few bytes that stand for many (a "HPACK bomb").
TEST_F(Http2Attack, HeaderBomb) {
  // A field of 4000 bytes, put into the table; then its number, again and again.
  const std::string field = std::string("\x40\x01x\x7F\xA1\x1E") + std::string(4000, 'x');
  const uint8_t whole = NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS;
  run_raw(frame(raw_head(field + std::string(10000, '\xBE')), NGHTTP2_HEADERS, whole, 1), true);
  EXPECT_EQ(asked(), 0U);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].status, 400);
  EXPECT_EQ(records[0].reason, "the HTTP request is refused: it is longer than 65536 bytes");
}

TEST_F(Http2Attack, VeryManyFields) {
  PeerFields fields = get("/ok");
  for (int i = 0; i < 300; ++i) fields.emplace_back("x", "");
  expect_answer(fields, "400", "it has more than 256 fields");
}

TEST_F(Http2Attack, PingFlood) {
  connect();
  std::string pings = std::string(NGHTTP2_CLIENT_MAGIC) + frame("", NGHTTP2_SETTINGS, NGHTTP2_FLAG_NONE, 0);
  for (int i = 0; i < 50000; ++i) pings += frame("12345678", NGHTTP2_PING, NGHTTP2_FLAG_NONE, 0);
  // It reads none of the answers.
  loop.run({[&, this]() -> Task {
              try {
                co_await send(client_stream, pings);
              } catch (const base::Error&) {
                // The gate had enough.
              }
            },
            [this]() -> Task {
              end = co_await Http2Connection::serve(proxy);
              client_stream->close();
            }});
  EXPECT_THAT(end.failure, HasSubstr("Flooding was detected"));
}

TEST_F(Http2Attack, SlowHead) {
  options.limits.head = std::chrono::milliseconds(1);
  run_raw(frame(std::string("\x82", 1), NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1));
  EXPECT_EQ(end.failure, "a request's head took too long");
}

// A client that asks and opens no window.
TEST_F(Http2Attack, ZeroWindow) {
  client_options.window = 0;
  options.limits.stall = std::chrono::milliseconds(20);
  run([this]() -> Task {
    client->ask(get("/ok"));
    co_await client->until([this] { return client->gone; });
  });
  EXPECT_THAT(end.failure, StartsWith("nothing was taken of what"));
}

// A client that asks for much that is refused, and opens no window for the answers.
TEST_F(Http2Attack, RefusedRequestsThatWaitHoldLittle) {
  client_options.window = 0;
  size_t before = 0;
  size_t kept = 0;
  run([&, this]() -> Task {
    co_await client->until([&] { return server->streams.empty(); });
    before = ::mallinfo2().uordblks;
    for (int i = 0; i < 100; ++i) client->ask(get("/no/" + std::string(60'000, 'x')));
    co_await client->until([&] {
      return std::all_of(client->streams.begin(), client->streams.end(),
                         [](const auto& stream) { return !stream.second.heads.empty(); });
    });
    kept = ::mallinfo2().uordblks - before;
    // All of them wait.
    EXPECT_TRUE(records.empty());
  });
  EXPECT_LT(kept, 2U << 20);
  ASSERT_EQ(records.size(), 100U);
  for (const HttpRecord& record : records) {
    EXPECT_EQ(record.path.size(), HttpRecord::kMostPathBytes);
    EXPECT_TRUE(record.path_cut);
  }
}

// The account is that of all connections.
TEST_F(Http2Attack, HeadsThatAreNotWholeAreBoundedInAll) {
  options.held = std::make_shared<HeldBytes>(100'000);
  const std::string field = std::string("\x40\x01x\x7F\xA1\x1E") + std::string(4000, 'x');
  std::string bytes = frame(raw_head(field), NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1);
  // Numbers of the field in the table.
  bytes += frame(std::string(12, '\xBE'), NGHTTP2_CONTINUATION, NGHTTP2_FLAG_NONE, 1);
  run_raw(bytes);
  EXPECT_THAT(end.failure, StartsWith("too much is held"));
  EXPECT_EQ(options.held->held(), 0U);
  EXPECT_EQ(asked(), 0U);
}

}  // namespace
}  // namespace caisson::gate
