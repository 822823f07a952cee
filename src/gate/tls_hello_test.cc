// SPDX-License-Identifier: Apache-2.0

#include "gate/tls_hello.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gate/tls_hello_for_test.h"

namespace caisson::gate {
namespace {

using HelloState = ClientHelloReader::State;

HelloState hello_state_of(const std::string& bytes) {
  ClientHelloReader reader;
  return reader.feed(bytes);
}

// The state for a hello of these extensions in one record.
HelloState of_extensions(const std::string& extensions) {
  return hello_state_of(record(message(extensions)));
}

TEST(ClientHello, SaysTheNameAndTheProtocols) {
  ClientHelloReader reader;
  const std::string alpn = extension(16, sized(2, sized(1, "h2") + sized(1, "http/1.1")));
  ASSERT_EQ(reader.feed(record(message(extension(0x0a0a, "") + server_name("example.com") + alpn))),
            HelloState::kHello);
  EXPECT_EQ(reader.hello().server_name, "example.com");
  EXPECT_THAT(reader.hello().alpn, testing::ElementsAre("h2", "http/1.1"));
  EXPECT_FALSE(reader.hello().ech);
}

TEST(ClientHello, MayHaveNoName) {
  ClientHelloReader reader;
  ASSERT_EQ(reader.feed(record(message(""))), HelloState::kHello);
  EXPECT_FALSE(reader.hello().server_name);
  EXPECT_EQ(hello_state_of(record("\1"s + sized(3, kBeforeExtensions))), HelloState::kHello);
}

TEST(ClientHello, SaysThatItMayHideAnotherName) {
  for (const uint16_t type : {0xFE0D, 0xFFCE}) {
    ClientHelloReader reader;
    ASSERT_EQ(reader.feed(record(message(server_name("public.example") + extension(type, "sealed")))),
              HelloState::kHello);
    EXPECT_TRUE(reader.hello().ech);
    EXPECT_EQ(reader.hello().server_name, "public.example");
  }
}

TEST(ClientHello, ComesInAnyPieces) {
  const std::string hello = message(server_name("example.com"));
  // Records of one byte, fed byte by byte.
  std::string bytes;
  for (char c : hello) bytes += record(std::string{c});
  ClientHelloReader reader;
  for (size_t i = 0; i < bytes.size(); ++i) {
    ASSERT_EQ(reader.state(), HelloState::kNeedMore) << i;
    reader.feed(bytes.substr(i, 1));
  }
  ASSERT_EQ(reader.state(), HelloState::kHello);
  EXPECT_EQ(reader.hello().server_name, "example.com");
}

TEST(ClientHello, BytesBehindItAreNotLookedAt) {
  const std::string early_data = record("anything", 23);
  EXPECT_EQ(hello_state_of(record(message(server_name("example.com"))) + early_data), HelloState::kHello);
}

TEST(ClientHello, OtherProtocolsAreToldAtOnce) {
  for (const std::string& bytes : {"G"s, "GET / HTTP/1.1\r\n"s, "SSH-2.0-x\r\n"s, "\x16S"s, "\x16\x10"s,
                                   "\x80\x2e\2\3\1"s, "\x15\x20\1"s, "\0"s, "\xff\xff\xff"s}) {
    EXPECT_EQ(hello_state_of(bytes), HelloState::kNotTls) << bytes;
  }
  EXPECT_EQ(hello_state_of(""), HelloState::kNeedMore);
  EXPECT_EQ(hello_state_of("\x16"), HelloState::kNeedMore);
  EXPECT_EQ(hello_state_of("\x16\3"), HelloState::kNeedMore);
}

TEST(ClientHello, AConnectionThatBeginsWithAnotherFormOfTlsIsMalformed) {
  // SSL 2's hello, which has no name, records of other types, and of versions that some servers do not look at.
  for (const std::string& bytes :
       {"\x80\x2e\1\3\1"s, "\x80\x2e\1\0\2"s, "\x15\3\1\0\2"s, "\x14\3\3\0\1"s, "\x17\3\3\0\1"s, "\x16\2\1\0\5"s,
        "\x16\0\1\0\5"s, "\x16\xf\1\0\5"s, "\x15\2\1\0\2"s})
    EXPECT_EQ(hello_state_of(bytes), HelloState::kMalformed) << bytes;
  std::string hello = record(message(server_name("example.com")));
  hello[1] = 2;
  EXPECT_EQ(hello_state_of(hello), HelloState::kMalformed);
  EXPECT_EQ(hello_state_of("\x80\x2e\1"s), HelloState::kNeedMore);
}

TEST(ClientHello, IsMalformedWhereRecordsAre) {
  const std::string hello = message(server_name("example.com"));
  EXPECT_EQ(hello_state_of(record("")), HelloState::kMalformed);
  EXPECT_EQ(hello_state_of(record(hello.substr(0, 9)) + record("")), HelloState::kMalformed);
  EXPECT_EQ(hello_state_of("\x16\3\1\x40\1"s), HelloState::kMalformed);  // a payload of 16385 bytes
  EXPECT_EQ(hello_state_of(record(hello.substr(0, 9)) + record("\1\0"s, 21)), HelloState::kMalformed);
  EXPECT_EQ(hello_state_of(record(hello.substr(0, 9)) + "GET"), HelloState::kMalformed);
  EXPECT_EQ(hello_state_of(record("\2"s + hello.substr(1))), HelloState::kMalformed);
  EXPECT_EQ(hello_state_of(record(hello + "\0"s)), HelloState::kMalformed);
  EXPECT_EQ(hello_state_of(record(hello + hello)), HelloState::kMalformed);
}

TEST(ClientHello, IsMalformedWhereItHasSomethingTwice) {
  EXPECT_EQ(of_extensions(server_name("a.com") + server_name("a.com")), HelloState::kMalformed);
  EXPECT_EQ(of_extensions(extension(43, "") + extension(43, "")), HelloState::kMalformed);
  const std::string entry = "\0"s + sized(2, "a.com");
  EXPECT_EQ(of_extensions(extension(0, sized(2, entry + entry))), HelloState::kMalformed);
  EXPECT_EQ(of_extensions(extension(0, sized(2, entry + "\1"s + sized(2, "x")))), HelloState::kMalformed);
}

TEST(ClientHello, IsMalformedWhereLengthsDisagree) {
  EXPECT_EQ(of_extensions(extension(0, "")), HelloState::kMalformed);
  EXPECT_EQ(of_extensions(extension(0, sized(2, ""))), HelloState::kMalformed);
  EXPECT_EQ(of_extensions(extension(0, sized(2, "\0"s + sized(2, "")))), HelloState::kMalformed);
  EXPECT_EQ(of_extensions(extension(0, sized(2, "\1"s + sized(2, "a.com")))), HelloState::kMalformed);
  EXPECT_EQ(of_extensions(extension(0, sized(2, "\0"s + sized(2, "a.com")) + "x")), HelloState::kMalformed);
  EXPECT_EQ(of_extensions(extension(16, sized(2, ""))), HelloState::kMalformed);
  EXPECT_EQ(of_extensions(extension(16, sized(2, sized(1, "")))), HelloState::kMalformed);
  EXPECT_EQ(of_extensions(extension(16, sized(2, sized(1, "h2")) + "x")), HelloState::kMalformed);
  EXPECT_EQ(of_extensions("\0"s), HelloState::kMalformed);
  EXPECT_EQ(hello_state_of(record("\1"s + sized(3, kBeforeExtensions + sized(2, "") + "x"))), HelloState::kMalformed);
  const std::string version2 = "\2"s + kBeforeExtensions.substr(1);
  EXPECT_EQ(hello_state_of(record("\1"s + sized(3, version2))), HelloState::kMalformed);
  EXPECT_EQ(hello_state_of(record("\1"s + sized(3, "\3\3"s + std::string(32, 'r') + sized(1, std::string(33, 's')) +
                                                       sized(2, "\x13\1"s) + sized(1, "\0"s)))),
            HelloState::kMalformed);
  EXPECT_EQ(hello_state_of(record(
                "\1"s + sized(3, "\3\3"s + std::string(32, 'r') + sized(1, "") + sized(2, "\x13"s) + sized(1, "\0"s)))),
            HelloState::kMalformed);
  EXPECT_EQ(hello_state_of(record(
                "\1"s + sized(3, "\3\3"s + std::string(32, 'r') + sized(1, "") + sized(2, "\x13\1"s) + sized(1, "")))),
            HelloState::kMalformed);
}

TEST(ClientHello, EveryBeginningIsUnfinishedOrMalformed) {
  const std::string body = kBeforeExtensions + sized(2, server_name("example.com"));
  for (size_t size = 0; size < body.size(); ++size) {
    if (size == kBeforeExtensions.size()) continue;  // TLS 1.2 without extensions
    EXPECT_EQ(hello_state_of(record("\1"s + sized(3, body.substr(0, size)))), HelloState::kMalformed) << size;
  }
  const std::string whole = record(message(server_name("example.com")));
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(hello_state_of(whole.substr(0, size)), HelloState::kNeedMore) << size;
}

TEST(ClientHello, IsBounded) {
  ClientHelloReader reader;
  reader.feed(record("\1\0\xff\xff"s));
  const std::string more = record(std::string(1000, 'x'));
  size_t fed = 0;
  while (reader.state() == HelloState::kNeedMore) {
    reader.feed(more);
    fed += more.size();
    ASSERT_LT(fed, 2 * ClientHelloReader::kMaxBytes);
  }
  EXPECT_EQ(reader.state(), HelloState::kMalformed);
  EXPECT_EQ(reader.problem(), "the TLS ClientHello is malformed: it is longer than 65536 bytes");
  EXPECT_EQ(hello_state_of(record("\1\xff\xff\xff"s)), HelloState::kMalformed);
}

}  // namespace
}  // namespace caisson::gate
