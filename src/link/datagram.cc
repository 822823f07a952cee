// SPDX-License-Identifier: Apache-2.0

#include "link/datagram.h"

#include <array>

#include "base/error.h"

namespace caisson::link {

asio::awaitable<std::optional<std::vector<uint8_t>>> read_datagram(Stream& stream) {
  std::array<uint8_t, kDatagramHeaderBytes> length;
  const std::span<uint8_t> header(length);
  const size_t first = co_await stream.read_some(header);
  if (first == 0) co_return std::nullopt;
  if (first < header.size()) co_await stream.read_exact(header.subspan(first));
  std::vector<uint8_t> datagram(size_t{length[0]} << 8 | length[1]);
  co_await stream.read_exact(datagram);
  co_return datagram;
}

asio::awaitable<void> write_datagram(Stream& stream, std::span<uint8_t> buffer, size_t size) {
  if (size > kMaxDatagramBytes) throw base::Error("a datagram is too long for the link");
  buffer[0] = static_cast<uint8_t>(size >> 8);
  buffer[1] = static_cast<uint8_t>(size & 0xff);
  const std::span<const uint8_t> whole = buffer.first(kDatagramHeaderBytes + size);
  co_await stream.write(whole);
}

}  // namespace caisson::link
