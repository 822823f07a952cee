// SPDX-License-Identifier: Apache-2.0

#include "link/message.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/error.h"
#include "link/big_endian.h"

namespace caisson::link {
namespace {

constexpr size_t kPieceBytes = 4096;

}  // namespace

asio::awaitable<base::Json> read_message(Stream& stream) {
  return read_message(stream, kMaxMessageBytes);
}

asio::awaitable<base::Json> read_message(Stream& stream, uint32_t max_bytes) {
  std::array<uint8_t, 4> prefix;
  co_await stream.read_exact(prefix);
  const uint32_t length = load32(prefix.data());
  if (length > max_bytes)
    throw base::Error("a message of " + std::to_string(length) + " bytes on the link, over the bound of " +
                      std::to_string(max_bytes));
  std::string text;
  while (text.size() < length) {
    co_await stream.readable();
    const size_t had = text.size();
    text.resize(std::min<size_t>(length, had + kPieceBytes));
    const std::span<uint8_t> room(reinterpret_cast<uint8_t*>(text.data()) + had, text.size() - had);
    const size_t got = co_await stream.read_some(room);
    if (got == 0) throw base::Error("the other end of the link ended the stream too early");
    text.resize(had + got);
  }
  co_return base::parse_json_object(text, "message on the link");
}

asio::awaitable<void> write_message(Stream& stream, const base::Json& message) {
  // The text is made now, whatever becomes of `message` while the write waits.
  std::string framed;
  try {
    framed = std::string(4, '\0') + message.dump();
  } catch (const base::Json::exception&) {
    throw base::Error("cannot send a message on the link: a string in it is not UTF-8");
  }
  const size_t length = framed.size() - 4;
  if (length > kMaxMessageBytes)
    throw base::Error("cannot send a message of " + std::to_string(length) + " bytes on the link: the bound is " +
                      std::to_string(kMaxMessageBytes));
  store32(static_cast<uint32_t>(length), reinterpret_cast<uint8_t*>(framed.data()));
  co_await stream.write(std::span(reinterpret_cast<const uint8_t*>(framed.data()), framed.size()));
}

ExecHeader decode_exec_header(std::span<const uint8_t, kExecHeaderBytes> bytes) {
  if (bytes[0] > static_cast<uint8_t>(ExecFrame::kError))
    throw base::Error("an exec frame of the unknown type " + std::to_string(bytes[0]));
  const uint32_t length = load32(&bytes[1]);
  if (length > kMaxExecFrameBytes)
    throw base::Error("an exec frame of " + std::to_string(length) + " bytes, over the bound of " +
                      std::to_string(kMaxExecFrameBytes));
  return {.type = static_cast<ExecFrame>(bytes[0]), .length = length};
}

void encode_exec_header(ExecHeader header, std::span<uint8_t, kExecHeaderBytes> into) {
  into[0] = static_cast<uint8_t>(header.type);
  store32(header.length, &into[1]);
}

}  // namespace caisson::link
