// SPDX-License-Identifier: Apache-2.0

// Secrets in requests and answers of HTTP/1.

#include <gmock/gmock.h>

#include "gate/http1_proxy_for_test.h"
#include "gate/secrets_for_test.h"
#include "gate/zlib_for_test.h"

namespace caisson::gate {
namespace {

using testing::HasSubstr;
using testing::Not;

class Http1Secrets : public Http1Proxy {
 protected:
  Http1Secrets() {
    secrets.add("api", {header_place("x-api-key: {}"), basic_place("git")}, {"a.com:80 * /ok/**"});
    options.secrets = std::make_shared<RequestSecrets>(secrets.sandbox(), "a.com", 80);
    options.secret_used = [this](const std::string& name) { used.push_back(name); };
  }

  static std::string asks(const std::string& more = "", const std::string& path = "/ok/x") {
    return "GET " + path + " HTTP/1.1\r\nHost: a.com\r\nX-Api-Key: " + kTestPlaceholder + "\r\n" + more + "\r\n";
  }
  // A request with the secret is answered so.
  void answered(const std::string& answer, ServerEnds ends = ServerEnds::kWithClient) {
    talk(asks(), answer, ends);
    EXPECT_THAT(server_got, HasSubstr("x-api-key: " + kTestValue + "\r\n"));
    EXPECT_THAT(client_got, Not(HasSubstr(kTestValue)));
  }
  // Nothing of the placeholder reaches the server.
  void expect_refused(const std::string& request, const std::string& why) {
    SetUp();
    EXPECT_THAT(refused(request), HasSubstr("HTTP/1.1 403 "));
    EXPECT_THAT(client_got, HasSubstr("caisson: the HTTP request is refused: " + why));
    ASSERT_EQ(records.size(), 1U);
    EXPECT_FALSE(records[0].allowed);
    EXPECT_FALSE(records[0].entry);
    EXPECT_EQ(records[0].status, 403);
    EXPECT_THAT(used, testing::IsEmpty());
  }

  SecretsForTest secrets;
  std::vector<std::string> used;
};

constexpr const char* kTwoBytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

TEST_F(Http1Secrets, ArePutInAndRecordedByTheirName) {
  answered(kTwoBytes);
  EXPECT_THAT(client_got, HasSubstr("hi"));
  EXPECT_THAT(server_got, Not(HasSubstr(kTestPlaceholder)));
  ASSERT_EQ(records.size(), 1U);
  EXPECT_THAT(records[0].secrets, testing::ElementsAre("api"));
  EXPECT_THAT(used, testing::ElementsAre("api"));
  EXPECT_EQ(records[0].path, "/ok/x");
}

TEST_F(Http1Secrets, AnswersHaveToBeReadable) {
  talk(asks("Accept-Encoding: br\r\nRange: bytes=1-2\r\nIf-Range: x\r\nAccept: */*\r\n"), kTwoBytes);
  EXPECT_THAT(server_got, HasSubstr("accept-encoding: identity\r\n"));
  EXPECT_THAT(server_got, HasSubstr("accept: */*\r\n"));
  for (const char* gone : {"br\r\n", "range"}) EXPECT_THAT(server_got, Not(HasSubstr(gone)));
  SetUp();
  talk("GET /ok/x HTTP/1.1\r\nHost: a.com\r\nAccept-Encoding: br\r\nRange: bytes=1-2\r\n\r\n", kTwoBytes);
  EXPECT_THAT(server_got, HasSubstr("accept-encoding: br\r\nrange: bytes=1-2\r\n"));
}

TEST_F(Http1Secrets, PlaceholdersElsewhereAreRefused) {
  expect_refused("GET /ok/x HTTP/1.1\r\nHost: a.com\r\nX-Other: " + kTestPlaceholder + "\r\n\r\n",
                 "it has the placeholder of the secret 'api' in its header 'x-other', where the secret does not go");
  expect_refused("GET /ok/x?q=" + kTestPlaceholder + " HTTP/1.1\r\nHost: a.com\r\n\r\n",
                 "it has the placeholder of the secret 'api' in its query");
  expect_refused(asks("", "/ok"),
                 "it has the placeholder of the secret 'api' in its header 'x-api-key', and the secret "
                 "does not go to this method and path");
}

TEST_F(Http1Secrets, ARequestToAnotherHostGetsNothing) {
  EXPECT_THAT(refused("GET /ok/x HTTP/1.1\r\nHost: b.com\r\nX-Api-Key: " + kTestPlaceholder + "\r\n\r\n"),
              HasSubstr("its Host is 'b.com'"));
  EXPECT_THAT(used, testing::IsEmpty());
}

// The server has got the head by then, and takes what it got for no request.
TEST_F(Http1Secrets, PlaceholdersInABodyAreRefused) {
  const std::string cut = kTestPlaceholder.substr(0, 10);
  for (const std::string& body :
       {"Content-Length: 60\r\n\r\n{\"env\": \"" + kTestPlaceholder + "\"" + std::string(60, ' '),
        "Transfer-Encoding: chunked\r\n\r\na\r\n" + cut + "\r\n40\r\n" + kTestPlaceholder.substr(10) +
            std::string(64, ' '),
        "Transfer-Encoding: chunked\r\n\r\n0\r\nx-t: " + kTestPlaceholder + "\r\n\r\n"}) {
    SetUp();
    run({[=, this] { return client_says("POST /ok/x HTTP/1.1\r\nHost: a.com\r\n" + body); },
         [this]() -> link::Task { server_got = co_await receive_all(server); }});
    EXPECT_THAT(client_got, HasSubstr("HTTP/1.1 403 ")) << body;
    EXPECT_THAT(client_got, HasSubstr("the placeholder of the secret 'api'")) << body;
    EXPECT_THAT(server_got, testing::EndsWith("(broken)"));
    EXPECT_THAT(server_got, Not(HasSubstr(kTestPlaceholder)));
    ASSERT_EQ(records.size(), 1U);
    EXPECT_FALSE(records[0].allowed);
  }
}

TEST_F(Http1Secrets, AreScrubbedFromHeads) {
  answered("HTTP/1.1 200 it is " + kTestValue + "\r\nX-Echo: a " + kTestValue +
           " b\r\nLocation: https://evil/?key=the-value%2Fof%2Bit%3D\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(client_got, HasSubstr("200 it is " + kTestPlaceholder));
  EXPECT_THAT(client_got, HasSubstr("x-echo: a " + kTestPlaceholder + " b"));
  EXPECT_THAT(client_got, HasSubstr("location: https://evil/?key=" + kTestPlaceholder + "\r\n"));
  SetUp();
  answered("HTTP/1.1 103 Early Hints\r\nX-Echo: " + kTestValue + "\r\n\r\n" + kTwoBytes);
  EXPECT_THAT(client_got, HasSubstr("x-echo: " + kTestPlaceholder));
}

TEST_F(Http1Secrets, AreScrubbedFromBodies) {
  const std::string body = "you sent " + kTestValue + ".";
  answered("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_THAT(client_got, HasSubstr("transfer-encoding: chunked\r\n"));
  EXPECT_THAT(client_got, Not(HasSubstr("content-length")));
  EXPECT_THAT(client_got, HasSubstr("you sent " + kTestPlaceholder));
  SetUp();
  answered(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na the\r\n4\r\n-val\r\n9\r\nue/of+it=\r\n"
      "0\r\nx-t: " +
      kTestValue + "\r\n\r\n");
  EXPECT_THAT(client_got, HasSubstr(kTestPlaceholder + "\r\n0\r\nx-t: " + kTestPlaceholder + "\r\n\r\n"));
  SetUp();
  answered("HTTP/1.1 200 OK\r\n\r\n" + body, ServerEnds::kOrderly);
  EXPECT_THAT(client_got, HasSubstr("\r\n\r\nyou sent " + kTestPlaceholder + "."));
}

TEST_F(Http1Secrets, AreScrubbedFromGzip) {
  const std::string body = gzip_of("you sent " + kTestValue + ".");
  answered("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           body);
  EXPECT_THAT(client_got, HasSubstr("you sent " + kTestPlaceholder));
  EXPECT_THAT(client_got, Not(HasSubstr("content-encoding")));
}

TEST_F(Http1Secrets, AnAnswerThatCannotBeReadIsRefused) {
  answered("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 4\r\n\r\nabcd");
  EXPECT_THAT(client_got, HasSubstr("HTTP/1.1 502 "));
  EXPECT_THAT(client_got, HasSubstr("its body is encoded (br)"));
  EXPECT_EQ(records.at(0).status, 502);
  SetUp();
  // Nothing was put into this one.
  talk("GET /ok/x HTTP/1.1\r\nHost: a.com\r\n\r\n",
       "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 4\r\n\r\nabcd");
  EXPECT_THAT(client_got, HasSubstr("content-encoding: br\r\ncontent-length: 4\r\n\r\nabcd"));
}

TEST_F(Http1Secrets, AClientOfHttp10IsAnsweredUntilTheEnd) {
  const std::string body = "you sent " + kTestValue;
  talk("GET /ok/x HTTP/1.0\r\nHost: a.com\r\nX-Api-Key: " + kTestPlaceholder + "\r\n\r\n",
       "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_THAT(client_got, testing::EndsWith("connection: close\r\n\r\nyou sent " + kTestPlaceholder));
}

TEST_F(Http1Secrets, AreScrubbedFromWebSockets) {
  const std::string frame = "\x81" + std::string(1, static_cast<char>(kTestValue.size())) + kTestValue;
  talk(asks("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"),
       "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Echo: " + kTestValue +
           "\r\n\r\n" + frame,
       ServerEnds::kOrderly);
  EXPECT_THAT(server_got, HasSubstr("x-api-key: " + kTestValue + "\r\n"));
  EXPECT_THAT(server_got, Not(HasSubstr("extensions")));
  EXPECT_THAT(client_got, Not(HasSubstr(kTestValue)));
  EXPECT_THAT(client_got, HasSubstr("x-echo: " + kTestPlaceholder));
  EXPECT_THAT(client_got, testing::EndsWith("\x81" + std::string(1, static_cast<char>(kTestPlaceholder.size())) +
                                            kTestPlaceholder));
  SetUp();
  talk(asks("Connection: Upgrade\r\nUpgrade: websocket\r\n"),
       "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
       "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
  EXPECT_THAT(client_got, HasSubstr("an extension of WebSocket that it was not asked for"));
}

TEST_F(Http1Secrets, AValueThatIsDueIsWaitedFor) {
  secrets.grants.clear();
  secrets::Definition definition{.name = "api",
                                 .rules = {"a.com:80"},
                                 .places = {header_place("x-api-key: {}")},
                                 .command = secrets::Command{.text = "true"}};
  secrets.grants.push_back(std::make_shared<secrets::Grant>(definition, kTestPlaceholder));
  size_t asked = 0;
  secrets.refresh = [&asked](GrantPtr grant) -> asio::awaitable<void> {
    ++asked;
    grant->replace(secrets::Value::copy_of(kTestValue), secrets::Grant::Clock::now());
    co_return;
  };
  options.secrets = std::make_shared<RequestSecrets>(secrets.sandbox(), "a.com", 80);
  answered(kTwoBytes);
  EXPECT_EQ(asked, 1U);
  SetUp();
  answered(kTwoBytes);
  EXPECT_EQ(asked, 1U);
}

}  // namespace
}  // namespace caisson::gate
