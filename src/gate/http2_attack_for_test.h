// SPDX-License-Identifier: Apache-2.0

// What the tests of HTTP/2's attacks share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "gate/http2_proxy_for_test.h"

namespace caisson::gate {

// A frame's header and what is in it.
inline std::string frame(size_t size, uint8_t type, uint8_t flags, uint32_t stream) {
  std::string bytes;
  for (const size_t part : {size >> 16, size >> 8, size}) bytes += static_cast<char>(part & 0xFF);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>((stream >> shift) & 0xFF);
  return bytes;
}

inline std::string frame(const std::string& payload, uint8_t type, uint8_t flags, uint32_t stream) {
  return frame(payload.size(), type, flags, stream) + payload;
}

class Http2Attack : public Http2Proxy {
 protected:
  // It does not reach the server, and is answered with this status.
  void expect_answer(const PeerFields& fields, const std::string& status, const std::string& says) {
    proxy = nullptr;
    records.clear();
    const Http2Peer::Stream got = ask(fields);
    ASSERT_FALSE(got.heads.empty()) << says;
    EXPECT_EQ(value_of(got.head(), ":status"), status) << says;
    EXPECT_EQ(value_of(got.head(), "x-caisson"), "refused");
    EXPECT_THAT(got.body, testing::HasSubstr(says));
    EXPECT_EQ(asked(), 0U) << says;
    ASSERT_EQ(records.size(), 1U);
    EXPECT_FALSE(records[0].allowed);
  }
  // It does not reach the server, and its stream is reset.
  void expect_reset(const PeerFields& fields) {
    proxy = nullptr;
    records.clear();
    const Http2Peer::Stream got = ask(fields);
    EXPECT_THAT(got.heads, testing::IsEmpty());
    EXPECT_EQ(got.reset, static_cast<uint32_t>(NGHTTP2_PROTOCOL_ERROR));
    EXPECT_EQ(asked(), 0U);
    ASSERT_EQ(records.size(), 1U);
    EXPECT_FALSE(records[0].allowed);
    EXPECT_EQ(records[0].reason, "the HTTP request is refused: its head is malformed (RFC 9113, section 8)");
  }
  // A client that sends these bytes behind its preface; what it got until the end.
  void run_raw(std::string bytes, bool ends = false) {
    connect();
    server->start();
    bytes.insert(0, std::string(NGHTTP2_CLIENT_MAGIC) + frame("", NGHTTP2_SETTINGS, NGHTTP2_FLAG_NONE, 0));
    std::string got;
    loop.run({[&, this]() -> link::Task {
                try {
                  co_await send(client_stream, bytes);
                  if (ends) co_await client_stream->shutdown_write();
                } catch (const base::Error&) {
                  // The gate had enough.
                }
              },
              [&, this]() -> link::Task {
                got = co_await receive_all(client_stream);
                client_stream->close();
              },
              [this]() -> link::Task {
                end = co_await Http2Connection::serve(proxy);
                client_stream->close();
              }});
    loop.settle();
    goaway_code = -1;
    while (got.size() >= 9) {
      const auto size = static_cast<size_t>(static_cast<uint8_t>(got[1]) << 8 | static_cast<uint8_t>(got[2]));
      if (got[3] == NGHTTP2_GOAWAY) goaway_code = got.at(9 + 7);
      got.erase(0, 9 + size);
    }
  }
  // GET /ok of a.com, and behind it these fields.
  static std::string raw_head(const std::string& fields = "") {
    return "\x82\x87\x44\x03/ok\x41\x05"
           "a.com" +
           fields;
  }

  int goaway_code = -1;
};

}  // namespace caisson::gate
