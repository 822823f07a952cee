// SPDX-License-Identifier: Apache-2.0

// Datagrams on a stream: each behind its length, 2 bytes, big-endian (as DNS over TCP has it, RFC 1035 section 4.2.2).
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "link/session.h"

namespace caisson::link {

inline constexpr size_t kDatagramHeaderBytes = 2;
inline constexpr size_t kMaxDatagramBytes = UINT16_MAX;

// The next one; nothing at the stream's end. Throws base::Error when the stream breaks, also inside of a datagram.
asio::awaitable<std::optional<std::vector<uint8_t>>> read_datagram(Stream& stream);

// `buffer` holds kDatagramHeaderBytes of room and the `size` bytes behind it (at most kMaxDatagramBytes).
asio::awaitable<void> write_datagram(Stream& stream, std::span<uint8_t> buffer, size_t size);

}  // namespace caisson::link
