// SPDX-License-Identifier: Apache-2.0

#include "gate/http_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caisson::gate {
namespace {

using State = HttpHeadReader::State;

State state_of(const std::string& bytes) {
  HttpHeadReader reader;
  return reader.feed(bytes);
}

// Why the request is refused; "" where it is not.
std::string problem_of(const std::string& bytes) {
  HttpHeadReader reader;
  reader.feed(bytes);
  EXPECT_EQ(reader.state(), reader.problem().empty() ? State::kHead : State::kRefused) << bytes;
  return reader.problem();
}

HttpHead head_of(const std::string& bytes) {
  HttpHeadReader reader;
  EXPECT_EQ(reader.feed(bytes), State::kHead) << bytes << reader.problem();
  return reader.head();
}

// A GET with these lines behind Host.
std::string with(const std::string& fields) {
  return "GET / HTTP/1.1\r\nHost: a.com\r\n" + fields + "\r\n";
}

TEST(HttpHead, HasThePartsOfTheRequest) {
  const std::string text =
      "POST /a/b?c HTTP/1.1\r\nHost: Example.com:8080\r\nX-One:  two \r\nContent-Length: 5\r\n\r\n";
  const HttpHead head = head_of(text + "hello");
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/a/b?c");
  EXPECT_EQ(head.host, "example.com");
  EXPECT_EQ(head.port, 8080);
  EXPECT_EQ(head.minor_version, 1);
  EXPECT_EQ(head.content_length, 5U);
  EXPECT_FALSE(head.chunked);
  EXPECT_EQ(head.size, text.size());
  EXPECT_THAT(head.fields, testing::ElementsAre(testing::Pair("host", "Example.com:8080"),
                                                testing::Pair("x-one", "two"), testing::Pair("content-length", "5")));
}

TEST(HttpHead, KnowsTheFormsOfTheTarget) {
  EXPECT_EQ(head_of("OPTIONS * HTTP/1.1\r\nHost: a.com\r\n\r\n").target, "*");
  EXPECT_EQ(head_of("GET http://a.com/x?y HTTP/1.1\r\nHost: a.com\r\n\r\n").target, "/x?y");
  EXPECT_EQ(head_of("GET HTTP://A.com HTTP/1.1\r\nHost: a.com\r\n\r\n").target, "/");
  EXPECT_EQ(head_of("GET http://a.com?y HTTP/1.1\r\nHost: a.com\r\n\r\n").target, "/?y");
  EXPECT_EQ(head_of("GET / HTTP/1.0\r\nHost: a.com\r\n\r\n").minor_version, 0);
}

TEST(HttpHead, KnowsTheFormsOfTheHost) {
  struct {
    const char* text;
    const char* host;
    int port;
  } constexpr kCases[] = {
      {"a.com", "a.com", 0},
      {"A.COM.:80", "a.com", 80},
      {"192.0.2.7:81", "192.0.2.7", 81},
      {"[2001:DB8::7]", "2001:db8::7", 0},
      {"[2001:db8::7]:443", "2001:db8::7", 443},
      {"localbox", "localbox", 0},
  };
  for (const auto& one : kCases) {
    const HttpHead head = head_of(std::string("GET / HTTP/1.1\r\nHost: ") + one.text + "\r\n\r\n");
    EXPECT_EQ(head.host, one.host);
    EXPECT_EQ(head.port.value_or(0), one.port);
  }
}

TEST(HttpHead, KnowsWhatFollowsIt) {
  EXPECT_TRUE(head_of(with("Transfer-Encoding: Chunked\r\n")).chunked);
  EXPECT_TRUE(head_of(with("Expect: 100-Continue\r\n")).expects_continue);
  EXPECT_EQ(head_of(with("Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n")).upgrade, "websocket");
  EXPECT_EQ(head_of(with("Upgrade: websocket\r\n")).upgrade, "");
  EXPECT_EQ(head_of(with("Connection: upgrade\r\n")).upgrade, "");
}

TEST(HttpHead, ComesInAnyPieces) {
  const std::string text = with("A: b\r\n");
  HttpHeadReader reader;
  for (size_t i = 0; i < text.size(); ++i) {
    ASSERT_EQ(reader.state(), State::kNeedMore) << i;
    reader.feed(text.substr(i, 1));
  }
  EXPECT_EQ(reader.state(), State::kHead);
  EXPECT_EQ(reader.head().size, text.size());
}

TEST(HttpHead, TheBodyIsNotLookedAt) {
  EXPECT_EQ(state_of(with("Content-Length: 3\r\n") + "\n\r\n"), State::kHead);
}

TEST(HttpHead, OtherProtocolsAreToldEarly) {
  for (const std::string& bytes :
       {std::string("\x16\x03\x01"), std::string("\0", 1), std::string("SSH-2.0-OpenSSH_9.2\r\n"),
        std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), std::string("EHLO a\r\n"), std::string("hello\n"),
        std::string("\r\n"), std::string("\n"), std::string(" GET / HTTP/1.1\r\n"), std::string("GET / HTTP/1.2\r\n"),
        std::string("GET / http/1.1\r\n"), std::string("GET /\r\n"), std::string("GET/HTTP/1.1\r\n"),
        std::string(33, 'A'), std::string(33, 'A') + " / HTTP/1.1\r\n"}) {
    EXPECT_EQ(state_of(bytes), State::kNotHttp) << bytes;
  }
  EXPECT_EQ(state_of("GET /"), State::kNeedMore);
  EXPECT_EQ(state_of(""), State::kNeedMore);
}

TEST(HttpHead, LinesEndWithCrLf) {
  constexpr const char* kWhy = "the HTTP request is refused: a line ends with LF alone";
  EXPECT_EQ(problem_of("GET / HTTP/1.1\nHost: a.com\n\n"), kWhy);
  EXPECT_EQ(problem_of("GET / HTTP/1.1\r\nHost: a.com\n\r\n"), kWhy);
  EXPECT_EQ(problem_of("GET / HTTP/1.1\r\nHost: a.com\r\n\n"), kWhy);
  EXPECT_EQ(problem_of("GET / HTTP/1.1\r\n\n"), kWhy);
  EXPECT_NE(problem_of(with("A: b\rC: d\r\n")), "");
  EXPECT_NE(problem_of("GET /\r HTTP/1.1\r\nHost: a.com\r\n\r\n"), "");
}

TEST(HttpHead, RefusesWhatIsReadInTwoWays) {
  struct {
    const char* fields;
    const char* problem;
  } constexpr kCases[] = {
      {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "it has both Content-Length and Transfer-Encoding"},
      {"Content-Length: 5\r\nContent-Length: 5\r\n", "it has several Content-Length"},
      {"Content-Length: 5, 5\r\n", "its Content-Length is no number"},
      {"Content-Length: +5\r\n", "its Content-Length is no number"},
      {"Content-Length: 0x5\r\n", "its Content-Length is no number"},
      {"Content-Length: 99999999999999999999\r\n", "its Content-Length is no number"},
      {"Content-Length:\r\n", "its Content-Length is no number"},
      {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "it has several Transfer-Encoding"},
      {"Transfer-Encoding: gzip, chunked\r\n", "its Transfer-Encoding is not 'chunked'"},
      {"Transfer-Encoding: xchunked\r\n", "its Transfer-Encoding is not 'chunked'"},
      {"Transfer-Encoding:\x0b"
       "chunked\r\n",
       "it has a field with a control byte"},
      {"Transfer-Encoding : chunked\r\n", "it has a line that is no field"},
      {"Host: b.com\r\n", "it has several Host"},
      {"Host: a.com\r\n", "it has several Host"},
      {"A: b\r\n c\r\n", "it has a folded line"},
      {"A: b\r\n\tc\r\n", "it has a folded line"},
      {"no colon\r\n", "it has a line that is no field"},
      {": empty\r\n", "it has a line that is no field"},
      {"A\x01: b\r\n", "it has a line that is no field"},
      {"A: b\x7f\r\n", "it has a field with a control byte"},
      {"Expect: 200-ok\r\n", "it expects something other than 100-continue"},
      {"Connection: close, Host\r\n", "its Connection names a field that has to stay"},
      {"Connection: a\r\nConnection: Content-Length\r\n", "its Connection names a field that has to stay"},
      {"Upgrade: a\r\nUpgrade: b\r\nConnection: upgrade\r\n", "it has several Upgrade"},
  };
  for (const auto& one : kCases) {
    EXPECT_EQ(problem_of(with(one.fields)), std::string("the HTTP request is refused: ") + one.problem) << one.fields;
  }
  EXPECT_EQ(problem_of(with(std::string("A: b\0\r\n", 7))),
            "the HTTP request is refused: it has a field with a control byte");
}

TEST(HttpHead, RefusesTargetsThatAreNoPathOfItsHost) {
  struct {
    const char* line;
    const char* problem;
  } constexpr kCases[] = {
      {"CONNECT a.com:443 HTTP/1.1", "its method is CONNECT"},
      {"GET a.com HTTP/1.1", "its target is no path"},
      {"GET * HTTP/1.1", "its target is no path"},
      {"GET https://a.com/ HTTP/1.1", "its target is no path"},
      {"GET file:///etc/passwd HTTP/1.1", "its target is no path"},
      {"GET http://b.com/ HTTP/1.1", "its target's host is not its Host"},
      {"GET http://a.com:81/ HTTP/1.1", "its target's host is not its Host"},
      {"GET http://a.com@b.com/ HTTP/1.1", "its host is no name and no address"},
      {"GET http:///x HTTP/1.1", "its host is no name and no address"},
      {"GET /a#b HTTP/1.1", "its target has a byte that is not allowed there"},
      {"GET /a b HTTP/1.1", "its target has a byte that is not allowed there"},
      {"GET /a\xc3\xa9 HTTP/1.1", "its target has a byte that is not allowed there"},
      {"GET  / HTTP/1.1", "its target has a byte that is not allowed there"},
      {"get / HTTP/1.1", "its method is not in capitals"},
  };
  for (const auto& one : kCases) {
    EXPECT_EQ(problem_of(std::string(one.line) + "\r\nHost: a.com\r\n\r\n"),
              std::string("the HTTP request is refused: ") + one.problem)
        << one.line;
  }
}

TEST(HttpHead, RefusesHostsThatAreNone) {
  for (const char* host : {"", "a b", "a.com:", "a.com:0", "a.com:65536", "a.com:80:80", "user@a.com", "a.com/", "[::1",
                           "[::1]x", "::1", "127.1", "a,b"}) {
    EXPECT_NE(problem_of(std::string("GET / HTTP/1.1\r\nHost: ") + host + "\r\n\r\n"), "") << host;
  }
  EXPECT_EQ(problem_of("GET / HTTP/1.1\r\n\r\n"), "the HTTP request is refused: it has no Host");
  EXPECT_EQ(problem_of("GET / HTTP/1.0\r\n\r\n"), "the HTTP request is refused: it has no Host");
  EXPECT_EQ(problem_of("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "the HTTP request is refused: it has a Transfer-Encoding in HTTP/1.0");
}

// Each field is compared with each of them.
TEST(HttpHead, WhatConnectionListsIsBounded) {
  std::string members;
  for (size_t i = 0; i < kMaxHttpMembers; ++i) members += "x" + std::to_string(i) + (i % 2 == 0 ? " ,, " : ",");
  EXPECT_EQ(problem_of(with("Connection: " + members + "\r\n")), "");
  EXPECT_EQ(problem_of(with("Connection: " + members + "y\r\n")),
            "the HTTP request is refused: its field 'connection' lists more than 64");
  EXPECT_EQ(problem_of(with("Connection: " + members + "\r\nConnection: y\r\n")),
            "the HTTP request is refused: its field 'connection' lists more than 64");
  EXPECT_EQ(problem_of(with("TE: " + members + "y\r\n")),
            "the HTTP request is refused: its field 'te' lists more than 64");
}

TEST(HttpHead, IsBounded) {
  std::string fields;
  for (size_t i = 0; i < HttpHeadReader::kMaxFields - 1; ++i) fields += "a: b\r\n";
  EXPECT_EQ(problem_of(with(fields)), "");
  EXPECT_EQ(problem_of(with(fields + "a: b\r\n")), "the HTTP request is refused: it has more than 256 fields");
  EXPECT_EQ(problem_of(with("A: " + std::string(HttpHeadReader::kMaxBytes, 'x') + "\r\n")),
            "the HTTP request is refused: it is longer than 65536 bytes");
  EXPECT_EQ(problem_of("GET /" + std::string(HttpHeadReader::kMaxBytes, 'x')),
            "the HTTP request is refused: it is longer than 65536 bytes");
}

}  // namespace
}  // namespace caisson::gate
