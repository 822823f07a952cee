// SPDX-License-Identifier: Apache-2.0

// What a guest, or a server, sends to get past the rules.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gate/http2_attack_for_test.h"

namespace caisson::gate {
namespace {

using link::Task;
using testing::AnyOf;
using testing::EndsWith;
using testing::Eq;
using testing::HasSubstr;
using testing::StartsWith;

constexpr uint32_t kProtocolError = NGHTTP2_PROTOCOL_ERROR;

TEST_F(Http2Attack, AuthorityThatIsNotTheName) {
  expect_answer(but(get("/ok"), ":authority", "b.com"), "403", "its Host is 'b.com', and the connection is to 'a.com'");
  expect_answer(but(get("/ok"), ":authority", "a.com:8443"), "403", "does not name the connection's port 443");
  expect_answer(but(get("/ok"), ":authority", "a.com:"), "400", "its host has a port that is none");
  for (const char* text : {"user@a.com", "a.com,b.com", "[a.com]x"})
    expect_answer(but(get("/ok"), ":authority", text), "400", "the HTTP request is refused: ");
  for (const char* text : {"a.com/b", "a .com"}) expect_reset(but(get("/ok"), ":authority", text));
  expect_answer(with(get("/ok"), "host", "b.com"), "400", "its :authority is not its Host");
  expect_answer(with(but(get("/ok"), ":authority", ""), "host", "b.com"), "403", "its Host is 'b.com'");
}

TEST_F(Http2Attack, HostAloneIsMadeTheAuthority) {
  EXPECT_EQ(ask(with(but(get("/ok"), ":authority", ""), "host", "a.com")).body, "hi");
  EXPECT_EQ(value_of(server->streams[1].head(), ":authority"), "a.com");
  EXPECT_EQ(value_of(server->streams[1].head(), "host"), "(none)");
}

TEST_F(Http2Attack, PseudoHeaderFieldsThatAreMissingTwiceOrLate) {
  PeerFields late = get("/ok");
  std::rotate(late.begin(), late.end() - 1, late.end());
  late.insert(late.begin(), {"x-a", "1"});
  for (const PeerFields& fields :
       {with(get("/ok"), ":authority", "b.com"), with(get("/ok"), ":path", "/no"), with(get("/ok"), ":method", "PUT"),
        but(get("/ok"), ":path", ""), but(get("/ok"), ":scheme", ""), but(get("/ok"), ":authority", ""),
        with(get("/ok"), ":status", "200"), with(get("/ok"), ":other", "1"), late})
    expect_reset(fields);
}

TEST_F(Http2Attack, AnotherScheme) {
  expect_answer(but(get("/ok"), ":scheme", "http"), "400", "its :scheme is not the connection's, https");
  expect_answer(but(get("/ok"), ":scheme", "file"), "400", "its :scheme is not the connection's, https");
}

TEST_F(Http2Attack, PathTricks) {
  for (const char* path : {"/ok/../no", "/ok/%2e%2e/no", "//ok", "/ok/;x", "/ok/a\\b", "/ok/..%2fno", "/ok/%252e"})
    expect_answer(get(path), "400", "has no single meaning");
  expect_answer(get("/ok#a"), "400", "its target has a byte that is not allowed there");
  expect_answer(get("/ok/secret/"), "403", "is denied by the rule");
  expect_answer(get("/ok/a%2fb"), "403", "no rule with this escaped slash in its path (%2F) allows");
  expect_answer(get("/OK/x"), "403", "no rule allows");
  expect_reset(get("http://a.com/ok"));
  expect_reset(get("ok"));
  expect_reset(get("*"));
  expect_answer(but(get("*"), ":method", "OPTIONS"), "400", "has no single meaning");
}

TEST_F(Http2Attack, Methods) {
  PeerFields connect_to = {{":method", "CONNECT"}, {":authority", "a.com:443"}};
  expect_answer(connect_to, "400", "its method is CONNECT");
  expect_reset(request("CONNECT", "/ok"));
  // Extended CONNECT (RFC 8441).
  expect_reset(with(request("CONNECT", "/ok"), ":protocol", "websocket"));
  expect_answer(request("get", "/ok"), "400", "its method is not in capitals");
  // Its ledger's line would be too long to be kept whole.
  expect_answer(request(std::string(33, 'A'), "/ok"), "400", "its method is longer than 32 bytes");
  EXPECT_EQ(records[0].method, "");
  expect_answer(request(std::string(65'300, 'A'), "/ok"), "400", "its method is longer than 32 bytes");
}

TEST_F(Http2Attack, ExtendedConnectIsNotOffered) {
  ask(get("/ok"));
  EXPECT_EQ(nghttp2_session_get_remote_settings(client->session, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL), 0U);
}

// A server that speaks HTTP/1 behind the next one would read a second request in it.
TEST_F(Http2Attack, SmugglingInFields) {
  for (const auto& [name, value] : PeerFields{{"x-a", "1\r\nx-b: 2"},
                                              {"x-a", "1\n"},
                                              {"x-a", std::string("1\0", 2)},
                                              {"x-a", " 1"},
                                              {"x a", "1"},
                                              {"x-a:", "1"},
                                              {"x\r\na", "1"}})
    expect_answer(with(get("/ok"), name, value), "400", "it has a field with a byte that is not allowed there");
  for (const auto& [name, value] : PeerFields{{"connection", "close"},
                                              {"transfer-encoding", "chunked"},
                                              {"keep-alive", "1"},
                                              {"proxy-connection", "close"},
                                              {"upgrade", "websocket"},
                                              {"te", "gzip"},
                                              {"content-length", "x"},
                                              {"content-length", "-1"}})
    expect_reset(with(get("/ok"), name, value));
  expect_reset(with(with(get("/ok"), "content-length", "0"), "content-length", "0"));
  expect_reset(with(get("/ok"), "content-length", "5"));
}

TEST_F(Http2Attack, BodyOfAnotherLengthThanItSays) {
  for (const char* body : {"123", "1234567"}) {
    proxy = nullptr;
    connect();
    on_request = [](int32_t) {};
    run([&, this]() -> Task {
      const int32_t id = client->ask(with(request("POST", "/ok"), "content-length", "5"), false);
      co_await server->until([this] { return asked() == 1; });
      client->say(id, body);
      client->end(id);
      co_await closed(id);
      co_await server->until([this] { return server->streams[1].reset.has_value(); });
    });
    EXPECT_EQ(client->streams[1].reset, kProtocolError);
    EXPECT_FALSE(server->streams[1].ended);
    EXPECT_THAT(records.back().reason, EndsWith("its body is malformed (PROTOCOL_ERROR)"));
  }
}

TEST_F(Http2Attack, TrailersThatBelongIntoTheHead) {
  for (const char* name : {"content-length", "content-type", "host"}) {
    proxy = nullptr;
    connect();
    on_request = [](int32_t) {};
    run([&, this]() -> Task {
      const int32_t id = client->ask(request("POST", "/ok"), false);
      co_await server->until([this] { return asked() == 1; });
      client->say(id, "x");
      client->end(id, {{name, "3"}});
      co_await closed(id);
      co_await server->until([this] { return server->streams[1].reset.has_value(); });
    });
    EXPECT_FALSE(server->streams[1].ended) << name;
    EXPECT_FALSE(records.back().reason.empty());
  }
}

TEST_F(Http2Attack, MoreStreamsThanAllowed) {
  on_request = [](int32_t) {};
  run([this]() -> Task {
    for (uint32_t i = 0; i < Http2Limits::kStreams + 20; ++i) client->ask(get("/ok"));
    const auto last = static_cast<int32_t>(2 * Http2Limits::kStreams + 1);
    co_await client->until([&] { return client->streams[last].closed.has_value(); });
    co_await server->until([this] { return asked() == Http2Limits::kStreams; });
  });
  EXPECT_EQ(asked(), Http2Limits::kStreams);
  EXPECT_EQ(client->streams[2 * Http2Limits::kStreams + 1].reset, static_cast<uint32_t>(NGHTTP2_REFUSED_STREAM));
}

// What the server has no room for would wait in the gate's memory.
TEST_F(Http2Attack, MoreStreamsThanTheServerTakes) {
  on_request = [this](int32_t id) {
    if (id != 1) return;
    const nghttp2_settings_entry one{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1};
    nghttp2_submit_settings(server->session, NGHTTP2_FLAG_NONE, &one, 1);
    server->answer(id, {{":status", "200"}}, true);
  };
  constexpr int32_t kLastHeld = 3 + 2 * static_cast<int32_t>(Http2Limits::kHeldRequests);
  run([this]() -> Task {
    const int32_t first = client->ask(get("/ok"));
    co_await closed(first);
    for (int i = 0; i < 30; ++i) client->ask(get("/ok"));
    co_await client->until([this] { return client->streams[61].closed.has_value(); });
  });
  EXPECT_EQ(asked(), 2U);
  EXPECT_FALSE(client->streams[kLastHeld].closed);
  for (int32_t id = kLastHeld + 2; id <= 61; id += 2)
    EXPECT_EQ(client->streams[id].reset, static_cast<uint32_t>(NGHTTP2_REFUSED_STREAM)) << id;
}

TEST_F(Http2Attack, LongTrailers) {
  on_request = [](int32_t) {};
  run([this]() -> Task {
    const int32_t id = client->ask(request("POST", "/ok"), false);
    co_await server->until([this] { return asked() == 1; });
    client->end(id, {{"x", std::string(kMostTrailerBytes, 'x')}});
    co_await closed(id);
  });
  EXPECT_FALSE(server->streams[1].ended);
  ASSERT_FALSE(records.empty());
  EXPECT_THAT(records.back().reason, EndsWith("its trailers are longer than 8192 bytes"));
}

// What a server of another protocol would get behind the preface, it could take for a request.
TEST_F(Http2Attack, NothingReachesAServerThatHasNotSpokenHttp2) {
  no_http2_server = true;
  options.limits.head = std::chrono::milliseconds(50);
  std::string got;
  int32_t id = 0;
  run([&, this]() -> Task {
    id = client->ask(get("/ok"));
    got = co_await receive_all(server_stream);
    co_await closed(id);
  });
  const std::string preface(NGHTTP2_CLIENT_MAGIC);
  ASSERT_THAT(got, StartsWith(preface));
  got.erase(0, preface.size());
  while (got.size() >= 9 && !got.starts_with("(broken)")) {
    EXPECT_THAT(got[3], AnyOf(Eq(NGHTTP2_SETTINGS), Eq(NGHTTP2_WINDOW_UPDATE), Eq(NGHTTP2_GOAWAY)));
    got.erase(0, size_t{9} + (static_cast<uint8_t>(got[1]) << 8 | static_cast<uint8_t>(got[2])));
  }
  EXPECT_EQ(value_of(client->streams[id].head(), ":status"), "502");
  EXPECT_THAT(client->streams[id].body, HasSubstr("the server did not begin to speak HTTP/2"));
}

TEST_F(Http2Attack, NamesInCapitals) {
  const uint8_t whole = NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS;
  const std::string head = raw_head(std::string("\x00\x05", 2) + "Upper" +
                                    "\x01"
                                    "1");
  run_raw(frame(head, NGHTTP2_HEADERS, whole, 1), true);
  EXPECT_EQ(asked(), 0U);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_THAT(records[0].reason, HasSubstr("its head is malformed"));
}

TEST_F(Http2Attack, ServerPushes) {
  connect();
  on_request = [this](int32_t id) {
    // :method GET, :scheme https, :path /, :authority a
    const std::string promise = std::string("\0\0\0\2", 4) + "\x82\x87\x84" + std::string("\x41\x01", 2) + "a";
    server->send_raw(frame(promise, NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS, static_cast<uint32_t>(id)));
  };
  const Http2Peer::Stream got = ask(get("/ok"));
  EXPECT_EQ(value_of(got.head(), ":status"), "502");
  EXPECT_EQ(client->streams.size(), 1U + client->streams.count(0));
}

TEST_F(Http2Attack, ServersAnswersThatAreMalformed) {
  for (const PeerFields& fields :
       {PeerFields{{":status", "200"}, {"connection", "close"}}, PeerFields{{":status", "200"}, {"x-a", "1\r\nx: 2"}},
        PeerFields{{":status", "20"}}, PeerFields{{":status", "101"}}, PeerFields{{"x-a", "1"}},
        PeerFields{{":status", "200"}, {":path", "/"}},
        PeerFields{{":status", "200"}, {"transfer-encoding", "chunked"}}}) {
    proxy = nullptr;
    on_request = [&](int32_t id) { server->answer(id, fields, true); };
    const Http2Peer::Stream got = ask(get("/ok"));
    ASSERT_FALSE(got.heads.empty()) << testing::PrintToString(fields);
    EXPECT_EQ(value_of(got.head(), ":status"), "502") << testing::PrintToString(fields);
    EXPECT_THAT(got.body, StartsWith("caisson: the server's HTTP response is refused: "));
  }
}

TEST_F(Http2Attack, WhatIsNoHttp2) {
  connect();
  server->start();
  loop.spawn(send(client_stream, "GET / HTTP/1.1\r\nHost: a.com\r\n\r\n"));
  loop.run({[this]() -> Task { end = co_await Http2Connection::serve(proxy); }});
  EXPECT_TRUE(end.not_http);
  EXPECT_THAT(end.failure, StartsWith("the client's HTTP/2 is refused: "));
}

}  // namespace
}  // namespace caisson::gate
