// SPDX-License-Identifier: Apache-2.0

// Secrets in requests and answers of HTTP/2.

#include <gmock/gmock.h>

#include "gate/http2_proxy_for_test.h"
#include "gate/secrets_for_test.h"
#include "gate/zlib_for_test.h"

namespace caisson::gate {
namespace {

using testing::HasSubstr;
using testing::Not;

class Http2Secrets : public Http2Proxy {
 protected:
  Http2Secrets() {
    secrets.add("api", {header_place("x-api-key: {}"), query_place("key")}, {"a.com:443 * /ok/**"});
    options.secrets = std::make_shared<RequestSecrets>(secrets.sandbox(), "a.com", 443);
    options.secret_used = [this](const std::string& name) { used.push_back(name); };
  }
  static PeerFields with_secret() { return with(get("/ok/x"), "x-api-key", kTestPlaceholder); }
  // What the server's answer becomes, to a request with the secret.
  Http2Peer::Stream answered(PeerFields head, std::string body, PeerFields trailers = {}) {
    proxy = nullptr;
    records.clear();
    on_request = [this, head, body, trailers](int32_t id) {
      server->answer(id, head);
      server->say(id, body);
      server->end(id, trailers);
    };
    return ask(with_secret());
  }
  PeerFields server_saw() { return server->streams.begin()->second.head(); }

  SecretsForTest secrets;
  std::vector<std::string> used;
};

TEST_F(Http2Secrets, ArePutInAndRecordedByTheirName) {
  const Http2Peer::Stream got =
      ask(with(with(but(with_secret(), ":path", "/ok/x?key=" + kTestPlaceholder), "accept-encoding", "br"), "range",
               "bytes=1-2"));
  EXPECT_EQ(got.body, "hi");
  EXPECT_EQ(value_of(server_saw(), "x-api-key"), kTestValue);
  EXPECT_EQ(value_of(server_saw(), ":path"), "/ok/x?key=the-value%2Fof%2Bit%3D");
  EXPECT_EQ(value_of(server_saw(), "accept-encoding"), "identity");
  EXPECT_EQ(value_of(server_saw(), "range"), "(none)");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_THAT(records[0].secrets, testing::ElementsAre("api"));
  EXPECT_EQ(records[0].path, "/ok/x");
  EXPECT_THAT(used, testing::Each("api"));
}

TEST_F(Http2Secrets, PlaceholdersElsewhereAreRefused) {
  for (const PeerFields& fields :
       {with(get("/ok/x"), "x-other", kTestPlaceholder), get("/ok/x?q=" + kTestPlaceholder),
        with(get("/ok"), "x-api-key", kTestPlaceholder), with(get("/ok/x"), "cookie", "a=" + kTestPlaceholder)}) {
    proxy = nullptr;
    records.clear();
    const Http2Peer::Stream got = ask(fields);
    ASSERT_FALSE(got.heads.empty());
    EXPECT_EQ(value_of(got.head(), ":status"), "403");
    EXPECT_THAT(got.body,
                HasSubstr("caisson: the HTTP request is refused: it has the placeholder of the secret 'api'"));
    EXPECT_EQ(asked(), 0U);
    ASSERT_EQ(records.size(), 1U);
    EXPECT_FALSE(records[0].allowed);
  }
  EXPECT_THAT(used, testing::IsEmpty());
}

TEST_F(Http2Secrets, PlaceholdersInABodyAreRefused) {
  on_request = [](int32_t /*id*/) {};
  int32_t id = 0;
  run([&, this]() -> link::Task {
    id = client->ask(request("POST", "/ok/x"), false);
    client->say(id, "{\"env\": \"" + kTestPlaceholder.substr(0, 12));
    co_await server->until(
        [this] { return !server->streams.empty() && server->streams.begin()->second.body_bytes > 12; });
    client->say(id, kTestPlaceholder.substr(12) + "\"}");
    client->end(id);
    co_await closed(id);
  });
  EXPECT_EQ(value_of(client->streams[id].head(), ":status"), "403");
  EXPECT_THAT(client->streams[id].body, HasSubstr("its body has the placeholder of the secret 'api'"));
  EXPECT_TRUE(server->streams.begin()->second.reset);
  EXPECT_FALSE(records.at(0).allowed);
}

TEST_F(Http2Secrets, PlaceholdersInATrailerAreRefused) {
  on_request = [](int32_t /*id*/) {};
  int32_t id = 0;
  run([&, this]() -> link::Task {
    id = client->ask(request("POST", "/ok/x"), false);
    client->say(id, "x");
    client->end(id, {{"x-t", kTestPlaceholder}});
    co_await closed(id);
  });
  EXPECT_EQ(value_of(client->streams[id].head(), ":status"), "403");
  EXPECT_THAT(client->streams[id].body, HasSubstr("in a trailer"));
}

TEST_F(Http2Secrets, AreScrubbedFromAnswers) {
  const std::string body = "you sent " + kTestValue + ".";
  const Http2Peer::Stream got =
      answered({{":status", "200"}, {"x-echo", "a " + kTestValue}, {"content-length", std::to_string(body.size())}},
               body, {{"x-t", kTestValue}});
  EXPECT_EQ(got.body, "you sent " + kTestPlaceholder + ".");
  EXPECT_EQ(value_of(got.head(), "x-echo"), "a " + kTestPlaceholder);
  EXPECT_EQ(value_of(got.head(), "content-length"), "(none)");
  ASSERT_EQ(got.heads.size(), 2U);
  EXPECT_EQ(value_of(got.heads[1], "x-t"), kTestPlaceholder);
}

TEST_F(Http2Secrets, AreScrubbedFromGzip) {
  const std::string before(1U << 20, 'x');
  const Http2Peer::Stream got =
      answered({{":status", "200"}, {"content-encoding", "gzip"}}, gzip_of(before + kTestValue + "."));
  EXPECT_EQ(got.body, before + kTestPlaceholder + ".");
  EXPECT_EQ(value_of(got.head(), "content-encoding"), "(none)");
}

TEST_F(Http2Secrets, LongAnswersPassThroughTheirWindows) {
  const std::string before(3U << 20, 'x');
  EXPECT_EQ(answered({{":status", "200"}}, before + kTestValue).body, before + kTestPlaceholder);
}

TEST_F(Http2Secrets, AnAnswerThatCannotBeReadIsRefused) {
  const Http2Peer::Stream coded = answered({{":status", "200"}, {"content-encoding", "br"}}, "abcd");
  EXPECT_EQ(value_of(coded.head(), ":status"), "502");
  EXPECT_THAT(coded.body, HasSubstr("its body is encoded (br)"));
  const Http2Peer::Stream broken = answered({{":status", "200"}, {"content-encoding", "gzip"}}, "no gzip");
  EXPECT_EQ(broken.reset, static_cast<uint32_t>(NGHTTP2_INTERNAL_ERROR));
  EXPECT_THAT(records.at(0).reason, HasSubstr("not in the coding that it names"));
}

TEST_F(Http2Secrets, AreScrubbedFromInterimAnswers) {
  on_request = [this](int32_t id) {
    server->interim(id, {{":status", "103"}, {"x-echo", kTestValue}});
    server->answer(id, {{":status", "204"}}, true);
  };
  const Http2Peer::Stream got = ask(with_secret());
  ASSERT_EQ(got.heads.size(), 2U);
  EXPECT_EQ(value_of(got.heads[0], "x-echo"), kTestPlaceholder);
}

}  // namespace
}  // namespace caisson::gate
