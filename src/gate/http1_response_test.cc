// SPDX-License-Identifier: Apache-2.0

#include "gate/http1_response.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gate/http1_body.h"

namespace caisson::gate {
namespace {

using State = HttpResponseReader::State;

HttpResponseHead head_of(const std::string& text) {
  HttpResponseReader reader;
  EXPECT_EQ(reader.feed(text), State::kHead) << text << reader.problem();
  return reader.head();
}

std::string problem_of(const std::string& text) {
  HttpResponseReader reader;
  EXPECT_EQ(reader.feed(text), State::kRefused) << text;
  return reader.problem().substr(reader.problem().find(": ") + 2);
}

std::string with(const std::string& fields) {
  return "HTTP/1.1 200 OK\r\n" + fields + "\r\n";
}

TEST(HttpResponse, HasThePartsOfTheHead) {
  const std::string text = "HTTP/1.1 200 Very well\r\nContent-Length: 5\r\nX-One: two\r\n\r\n";
  const HttpResponseHead head = head_of(text + "hello");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.reason, "Very well");
  EXPECT_EQ(head.length.content_length, 5U);
  EXPECT_FALSE(head.closes);
  EXPECT_EQ(head.size, text.size());
  EXPECT_EQ(head.fields.size(), 2U);
  EXPECT_EQ(head_of("HTTP/1.1 204\r\n\r\n").status, 204);
  EXPECT_EQ(head_of("HTTP/1.1 204 \r\n\r\n").reason, "");
}

TEST(HttpResponse, IsTheSameInPieces) {
  const std::string text = with("a: b\r\n");
  HttpResponseReader reader;
  for (size_t i = 0; i < text.size(); ++i) {
    EXPECT_EQ(reader.state(), State::kNeedMore);
    reader.feed(text.substr(i, 1));
  }
  EXPECT_EQ(reader.state(), State::kHead);
  EXPECT_EQ(reader.head().size, text.size());
}

TEST(HttpResponse, SaysWhenTheConnectionCloses) {
  EXPECT_TRUE(head_of("HTTP/1.0 200 OK\r\n\r\n").closes);
  EXPECT_TRUE(head_of(with("Connection: x, Close\r\n")).closes);
  EXPECT_FALSE(head_of(with("Connection: keep-alive\r\n")).closes);
}

TEST(HttpResponse, WithoutAStatusLineIsRefused) {
  for (const char* line :
       {"HTTP/2 200 OK", "HTTP/1.2 200 OK", "HTTP/1.1  200 OK", "HTTP/1.1 20", "HTTP/1.1 2000 OK", "HTTP/1.1 099 OK",
        "HTTP/1.1 600 OK", "HTTP/1.1 -20 OK", "http/1.1 200 OK", "ICY 200 OK", "HTTP/1.1 200 a\rb"}) {
    EXPECT_EQ(problem_of(std::string(line) + "\r\n\r\n"), "its first line is no status line") << line;
  }
  EXPECT_EQ(problem_of("\r\n\r\n"), "its first line is no status line");
}

TEST(HttpResponse, ThatCouldBeReadDifferentlyIsRefused) {
  EXPECT_EQ(problem_of("HTTP/1.1 200 OK\na: b\r\n\r\n"), "a line ends with LF alone");
  EXPECT_EQ(problem_of(with("a: b\r\n folded\r\n")), "it has a folded line");
  EXPECT_EQ(problem_of(with("a : b\r\n")), "it has a line that is no field");
  EXPECT_EQ(problem_of(with(std::string("a: \0\r\n", 6))), "it has a field with a control byte");
  EXPECT_EQ(problem_of(with("Content-Length: 1\r\nContent-Length: 1\r\n")), "it has several Content-Length");
  EXPECT_EQ(problem_of(with("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n")),
            "it has both Content-Length and Transfer-Encoding");
  EXPECT_EQ(problem_of(with("Transfer-Encoding: gzip, chunked\r\n")), "its Transfer-Encoding is not 'chunked'");
  EXPECT_EQ(problem_of("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "it has a Transfer-Encoding in HTTP/1.0");
  std::string members;
  for (size_t i = 0; i <= kMaxHttpMembers; ++i) members += "x,";
  EXPECT_EQ(problem_of(with("Connection: " + members + "\r\n")), "its field 'connection' lists more than 64");
  EXPECT_EQ(problem_of(with("a: " + std::string(70000, 'x'))), "it is longer than 65536 bytes");
}

TEST(HttpResponse, HasABodyThatStatusMethodAndFieldsSay) {
  using Kind = BodyFraming::Kind;
  const HttpResponseHead five = head_of(with("Content-Length: 5\r\n"));
  const BodyFraming length{.kind = Kind::kLength, .length = 5};
  EXPECT_EQ(response_framing(five, "GET"), length);
  EXPECT_EQ(response_framing(five, "HEAD").kind, Kind::kNone);
  EXPECT_EQ(response_framing(head_of(with("")), "GET").kind, Kind::kUntilClose);
  EXPECT_EQ(response_framing(head_of(with("Transfer-Encoding: Chunked\r\n")), "GET").kind, Kind::kChunked);
  for (const char* status : {"204", "304"}) {
    EXPECT_EQ(
        response_framing(head_of("HTTP/1.1 " + std::string(status) + " x\r\nContent-Length: 5\r\n\r\n"), "GET").kind,
        Kind::kNone);
  }
}

}  // namespace
}  // namespace caisson::gate
