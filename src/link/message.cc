// SPDX-License-Identifier: Apache-2.0

#include "link/message.h"

#include <array>
#include <string>

#include "base/error.h"
#include "link/big_endian.h"

namespace caisson::link {

asio::awaitable<base::Json> read_message(Stream& stream) {
  std::array<uint8_t, 4> prefix;
  co_await stream.read_exact(prefix);
  const uint32_t length = load32(prefix.data());
  if (length > kMaxMessageBytes)
    throw base::Error("a message of " + std::to_string(length) + " bytes on the link, over the bound of " +
                      std::to_string(kMaxMessageBytes));
  std::string text(length, '\0');
  co_await stream.read_exact(std::span(reinterpret_cast<uint8_t*>(text.data()), text.size()));
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
