// SPDX-License-Identifier: Apache-2.0

// What honest clients and servers see.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gate/http2_proxy_for_test.h"

namespace caisson::gate {
namespace {

using link::Task;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

TEST_F(Http2Proxy, PassesRequestsAndAnswersWrittenAnew) {
  on_request = [this](int32_t id) {
    server->answer(id, {{":status", "201"}, {"x-a", "1"}, {"x-caisson", "forged"}, {"content-length", "2"}});
    server->say(id, "hi");
    server->end(id);
  };
  const PeerFields asked_for =
      with(with(with(but(get("/ok/a?b=c"), ":authority", "A.com:443"), "user-agent", "test"), "x-caisson", "me"), "te",
           "trailers");
  const Http2Peer::Stream got = ask(asked_for);
  EXPECT_THAT(server->streams.at(1).head(),
              ElementsAre(Pair(":method", "GET"), Pair(":scheme", "https"), Pair(":authority", "a.com"),
                          Pair(":path", "/ok/a?b=c"), Pair("user-agent", "test"), Pair("te", "trailers")));
  EXPECT_THAT(got.head(), ElementsAre(Pair(":status", "201"), Pair("x-a", "1"), Pair("content-length", "2")));
  EXPECT_EQ(got.body, "hi");
  EXPECT_EQ(got.closed, 0U);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_TRUE(records[0].allowed);
  EXPECT_EQ(records[0].method, "GET");
  EXPECT_EQ(records[0].path, "/ok/a");
  EXPECT_EQ(records[0].status, 201);
  EXPECT_EQ(records[0].reason, "");
  EXPECT_EQ(end.failure, "");
  EXPECT_TRUE(server->gone);
}

TEST_F(Http2Proxy, PassesManyStreamsAtATime) {
  std::vector<int32_t> waiting;
  on_request = [&](int32_t id) {
    waiting.push_back(id);
    if (waiting.size() < 3) return;
    // In another order.
    for (const int32_t one : {waiting[2], waiting[0], waiting[1]}) {
      server->answer(one, {{":status", "200"}});
      server->say(one, value_of(server->streams[one].head(), ":path"));
      server->end(one);
    }
  };
  run([this]() -> Task {
    for (const char* path : {"/ok/1", "/ok/2", "/ok/3"}) client->ask(get(path));
    for (const int32_t id : {1, 3, 5}) co_await closed(id);
  });
  EXPECT_EQ(client->streams[1].body, "/ok/1");
  EXPECT_EQ(client->streams[3].body, "/ok/2");
  EXPECT_EQ(client->streams[5].body, "/ok/3");
}

TEST_F(Http2Proxy, PassesBodiesAndTrailersBothWays) {
  on_request = [this](int32_t id) { server->answer(id, {{":status", "200"}, {"content-type", "application/grpc"}}); };
  run([this]() -> Task {
    const int32_t id = client->ask(with(request("POST", "/ok/Call"), "content-type", "application/grpc"), false);
    client->say(id, "ping");
    co_await server->until([this] { return server->streams[1].body == "ping"; });
    // Both directions are open: a call of streams.
    server->say(1, "pong");
    co_await client->until([&] { return client->streams[id].body == "pong"; });
    client->end(id, {{"x-checksum", "7"}});
    co_await server->until([this] { return server->streams[1].ended; });
    server->end(1, {{"grpc-status", "0"}});
    co_await closed(id);
  });
  EXPECT_THAT(server->streams[1].heads.at(1), ElementsAre(Pair("x-checksum", "7")));
  EXPECT_THAT(client->streams[1].heads.at(1), ElementsAre(Pair("grpc-status", "0")));
  EXPECT_EQ(client->streams[1].closed, 0U);
  EXPECT_EQ(records.at(0).reason, "");
}

TEST_F(Http2Proxy, PassesAnswersWithoutABody) {
  on_request = [this](int32_t id) { server->answer(id, {{":status", "204"}}, true); };
  const Http2Peer::Stream got = ask(get("/ok"));
  EXPECT_EQ(value_of(got.head(), ":status"), "204");
  EXPECT_TRUE(got.ended);
  EXPECT_EQ(got.closed, 0U);
}

TEST_F(Http2Proxy, PassesInterimAnswers) {
  on_request = [this](int32_t id) { server->interim(id, {{":status", "100"}}); };
  run([this]() -> Task {
    const int32_t id = client->ask(with(request("PUT", "/ok"), "expect", "100-continue"), false);
    co_await client->until([&] { return client->streams[id].heads.size() == 1; });
    client->say(id, "body");
    client->end(id);
    co_await server->until([this] { return server->streams[1].ended; });
    server->answer(1, {{":status", "200"}}, true);
    co_await closed(id);
  });
  EXPECT_EQ(value_of(server->streams[1].head(), "expect"), "100-continue");
  EXPECT_EQ(server->streams[1].body, "body");
  EXPECT_EQ(value_of(client->streams[1].heads.at(0), ":status"), "100");
  EXPECT_EQ(value_of(client->streams[1].heads.at(1), ":status"), "200");
}

TEST_F(Http2Proxy, RefusesARequestOnItsStreamAlone) {
  run([this]() -> Task {
    const int32_t refused = client->ask(get("/ok/secret"));
    const int32_t other = client->ask(get("/other?token"));
    const int32_t allowed = client->ask(get("/ok"));
    for (const int32_t id : {refused, other, allowed}) co_await closed(id);
  });
  const Http2Peer::Stream& refused = client->streams[1];
  EXPECT_EQ(value_of(refused.head(), ":status"), "403");
  EXPECT_EQ(value_of(refused.head(), "x-caisson"), "refused");
  EXPECT_EQ(refused.body,
            "caisson: GET '/ok/secret' on 'a.com' port 443 is denied by the rule 'a.com:443 * /ok/secret'\n");
  EXPECT_EQ(client->streams[3].body, "caisson: no rule allows GET '/other' on 'a.com' port 443\n");
  EXPECT_EQ(client->streams[5].body, "hi");
  EXPECT_EQ(asked(), 1U);
  EXPECT_FALSE(records.at(0).allowed);
  EXPECT_EQ(records.at(1).path, "/other");
  EXPECT_TRUE(records.at(1).any_rule);
}

TEST_F(Http2Proxy, TellsAClientWithABodyThatNobodyWantsIt) {
  run([this]() -> Task {
    const int32_t id = client->ask(request("POST", "/no"), false);
    client->say(id, "part");
    co_await closed(id);
  });
  EXPECT_EQ(value_of(client->streams[1].head(), ":status"), "403");
  EXPECT_THAT(client->streams[1].body, HasSubstr("no rule allows POST '/no'"));
  EXPECT_EQ(client->streams[1].reset, 0U);
}

TEST_F(Http2Proxy, RefusesCallsOfGrpcAsTheirStatus) {
  const Http2Peer::Stream got = ask(with(request("POST", "/no.Such/Call"), "content-type", "application/grpc+proto"));
  EXPECT_TRUE(got.ended);
  EXPECT_EQ(got.body, "");
  EXPECT_THAT(got.head(),
              ElementsAre(Pair(":status", "200"), Pair("content-type", "application/grpc"), Pair("grpc-status", "7"),
                          Pair("grpc-message", "caisson: no rule allows POST '/no.Such/Call' on 'a.com' port 443"),
                          Pair("x-caisson", "refused")));
  EXPECT_EQ(records.at(0).status, 403);
}

TEST_F(Http2Proxy, AnswersHeadWithoutABody) {
  const Http2Peer::Stream got = ask(request("HEAD", "/no"));
  EXPECT_EQ(value_of(got.head(), ":status"), "403");
  EXPECT_EQ(got.body, "");
  EXPECT_EQ(got.closed, 0U);
}

TEST_F(Http2Proxy, AnswersWithWhyThereIsNoServer) {
  options.no_server = "its certificate has expired";
  run([this]() -> Task {
    client->ask(get("/ok"));
    client->ask(with(request("POST", "/ok"), "content-type", "application/grpc"));
    client->ask(get("/no"));
    for (const int32_t id : {1, 3, 5}) co_await closed(id);
  });
  EXPECT_EQ(value_of(client->streams[1].head(), ":status"), "502");
  EXPECT_EQ(value_of(client->streams[1].head(), "x-caisson"), "failed");
  EXPECT_EQ(client->streams[1].body, "caisson: its certificate has expired\n");
  EXPECT_EQ(value_of(client->streams[3].head(), "grpc-status"), "14");
  EXPECT_EQ(value_of(client->streams[5].head(), ":status"), "403");
  EXPECT_TRUE(records.at(0).allowed);
}

TEST_F(Http2Proxy, PassesResetsOfTheClient) {
  on_request = [](int32_t) {};
  run([this]() -> Task {
    const int32_t id = client->ask(get("/ok"));
    co_await server->until([this] { return asked() == 1; });
    client->reset(id, NGHTTP2_CANCEL);
    co_await server->until([this] { return server->streams[1].reset.has_value(); });
  });
  EXPECT_EQ(server->streams[1].reset, static_cast<uint32_t>(NGHTTP2_CANCEL));
  EXPECT_EQ(records.at(0).reason, "the client ended it (CANCEL)");
}

TEST_F(Http2Proxy, PassesResetsOfTheServer) {
  for (const uint32_t code : {NGHTTP2_REFUSED_STREAM, NGHTTP2_HTTP_1_1_REQUIRED, NGHTTP2_INTERNAL_ERROR}) {
    proxy = nullptr;
    on_request = [this, code](int32_t id) { server->reset(id, code); };
    EXPECT_EQ(ask(get("/ok")).reset, code);
    EXPECT_THAT(records.back().reason, HasSubstr("the server ended it ("));
  }
}

TEST_F(Http2Proxy, CutsOffAnswersThatTheServerCutsOff) {
  on_request = [this](int32_t id) {
    server->answer(id, {{":status", "200"}});
    server->say(id, "begun");
  };
  run([this]() -> Task {
    const int32_t id = client->ask(get("/ok"));
    co_await client->until([&] { return client->streams[id].body == "begun"; });
    server->reset(1, NGHTTP2_NO_ERROR);
    co_await closed(id);
  });
  EXPECT_FALSE(client->streams[1].ended);
  EXPECT_EQ(client->streams[1].reset, static_cast<uint32_t>(NGHTTP2_INTERNAL_ERROR));
}

TEST_F(Http2Proxy, PassesThatTheServerWantsNoMoreOfARequest) {
  on_request = [this](int32_t id) { server->answer(id, {{":status", "413"}}, true); };
  run([this]() -> Task {
    const int32_t id = client->ask(request("POST", "/ok"), false);
    co_await client->until([&] { return client->streams[id].ended; });
    server->reset(1, NGHTTP2_NO_ERROR);
    co_await closed(id);
  });
  EXPECT_EQ(value_of(client->streams[1].head(), ":status"), "413");
  EXPECT_TRUE(client->streams[1].ended);
  EXPECT_EQ(client->streams[1].reset, 0U);
}

TEST_F(Http2Proxy, LetsTheServerGoAway) {
  on_request = [](int32_t) {};
  run([this]() -> Task {
    const int32_t id = client->ask(get("/ok"));
    co_await server->until([this] { return asked() == 1; });
    nghttp2_submit_goaway(server->session, NGHTTP2_FLAG_NONE, 1, NGHTTP2_NO_ERROR, nullptr, 0);
    server->kick();
    co_await client->until([this] { return client->goaway.has_value(); });
    // What is under way goes on.
    server->answer(1, {{":status", "200"}}, true);
    co_await closed(id);
    co_await client->until([this] { return client->gone; });
  });
  EXPECT_EQ(client->goaway, 0U);
  EXPECT_EQ(value_of(client->streams[1].head(), ":status"), "200");
  EXPECT_EQ(end.failure, "");
}

TEST_F(Http2Proxy, LetsTheClientGoAway) {
  run([this]() -> Task {
    const int32_t id = client->ask(get("/ok"));
    nghttp2_submit_goaway(client->session, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, nullptr, 0);
    client->kick();
    co_await closed(id);
    co_await client->until([this] { return client->gone; });
  });
  EXPECT_EQ(client->streams[1].body, "hi");
  EXPECT_EQ(server->goaway, 0U);
  EXPECT_EQ(end.failure, "");
}

TEST_F(Http2Proxy, AnswersWhatTheServerLeavesUnanswered) {
  on_request = [this](int32_t id) {
    if (id == 1) server->answer(1, {{":status", "200"}});
    if (id == 3) server_stream->close();
  };
  run([this]() -> Task {
    client->ask(get("/ok"));
    co_await client->until([this] { return !client->streams[1].heads.empty(); });
    client->ask(get("/ok"));
    co_await client->until([this] { return client->gone; });
  });
  EXPECT_EQ(client->streams[1].reset, static_cast<uint32_t>(NGHTTP2_INTERNAL_ERROR));
  EXPECT_EQ(value_of(client->streams[3].head(), ":status"), "502");
  EXPECT_EQ(client->streams[3].body, "caisson: the server ended the connection\n");
  EXPECT_EQ(client->goaway, 0U);
  EXPECT_EQ(records.size(), 2U);
}

TEST_F(Http2Proxy, SaysThatTheServerSpeaksNoHttp2) {
  no_http2_server = true;
  connect();
  loop.spawn(send(server_stream, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"));
  EXPECT_THAT(ask(get("/ok")).body, HasSubstr("caisson: the server's HTTP/2 is wrong: "));
}

TEST_F(Http2Proxy, PassesBodiesOfAnySizeBothWays) {
  const std::string big(3U << 20, 'x');
  client_options.window = server_options.window = 1U << 20;
  client_options.connection_window = server_options.connection_window = 1U << 20;
  on_request = [&](int32_t id) { server->answer(id, {{":status", "200"}}); };
  run([&]() -> Task {
    const int32_t id = client->ask(request("POST", "/ok"), false);
    client->say(id, big);
    client->end(id);
    co_await server->until([this] { return server->streams[1].ended; });
    server->say(1, big);
    server->end(1);
    co_await closed(id);
  });
  EXPECT_EQ(server->streams[1].body.size(), big.size());
  EXPECT_TRUE(server->streams[1].body == big);
  EXPECT_TRUE(client->streams[1].body == big);
  EXPECT_GE(records.at(0).sent_bytes, big.size());
  EXPECT_GE(records.at(0).received_bytes, big.size());
}

// A reader that does not read holds up its own sender, which has got rid of no more than the windows, and nobody else.
TEST_F(Http2Proxy, AStreamThatIsNotReadStopsItsSenderAlone) {
  client_options.reads = false;
  client_options.connection_window = 8U << 20;
  server_options.connection_window = 8U << 20;
  const std::string big(2U << 20, 'x');
  on_request = [&](int32_t id) {
    server->answer(id, {{":status", "200"}});
    server->say(id, id == 1 ? std::string_view(big) : "hi");
    server->end(id);
  };
  run([&]() -> Task {
    client->ask(get("/ok"));
    co_await client->until([this] { return client->streams[1].body_bytes == 65535; });
    const int32_t other = client->ask(get("/ok"));
    co_await closed(other);
  });
  EXPECT_EQ(client->streams[3].body, "hi");
  EXPECT_EQ(client->streams[1].body_bytes, 65535U);
  // The client's window, the gate's, and what is in the buffers of the sessions.
  EXPECT_GE(server->streams[1].out.size(), big.size() - 65535 - Http2Limits::kStreamWindow - 65536);
}

TEST_F(Http2Proxy, EndsRequestsThatAChangedPolicyDeniesAndNoOthers) {
  on_request = [this](int32_t id) {
    if (id == 3) server->answer(id, {{":status", "200"}});
  };
  Policy changed = policy;
  changed.add(parse_rule("a.com:443 * /ok/denied"), false, "later");
  run([&]() -> Task {
    client->ask(get("/ok/denied"));
    client->ask(get("/ok/denied"));
    client->ask(get("/ok"));
    co_await client->until([this] { return !client->streams[3].heads.empty(); });
    co_await server->until([this] { return asked() == 3; });
    proxy->reconsider([&](std::string_view method, const CanonicalPath& path) {
      return changed.judge_request("a.com", 443, method, path);
    });
    for (const int32_t id : {1, 3}) co_await closed(id);
    co_await server->until([this] { return server->streams[3].reset.has_value(); });
    server->answer(5, {{":status", "204"}}, true);
    co_await closed(5);
  });
  // Not answered yet; begun to be answered.
  EXPECT_EQ(value_of(client->streams[1].head(), ":status"), "403");
  EXPECT_THAT(client->streams[1].body, HasSubstr("is denied by the rule 'a.com:443 * /ok/denied'"));
  EXPECT_EQ(client->streams[3].reset, static_cast<uint32_t>(NGHTTP2_CANCEL));
  EXPECT_EQ(server->streams[1].reset, static_cast<uint32_t>(NGHTTP2_CANCEL));
  EXPECT_EQ(value_of(client->streams[5].head(), ":status"), "204");
  for (const size_t i : {0U, 1U}) {
    EXPECT_FALSE(records.at(i).allowed);
    ASSERT_TRUE(records.at(i).entry);
    EXPECT_EQ(records.at(i).entry->origin, "later");
  }
  EXPECT_TRUE(records.at(2).allowed);
}

TEST_F(Http2Proxy, EndsAnIdleConnectionOrderly) {
  options.limits.idle = std::chrono::milliseconds(1);
  run([this]() -> Task { co_await client->until([this] { return client->gone; }); });
  EXPECT_EQ(client->goaway, 0U);
  EXPECT_EQ(end.failure, "");
  EXPECT_THAT(records, IsEmpty());
}

}  // namespace
}  // namespace caisson::gate
