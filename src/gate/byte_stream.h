// SPDX-License-Identifier: Apache-2.0

// One end of a connection as the gate's HTTP proxy sees it: a stream of the link, a socket, or TLS over one of them.
//
// One reader and one writer at a time, on the executor's one thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/error.h"

namespace caisson::gate {

namespace asio = boost::asio;

class ByteStream {
 public:
  ByteStream() = default;
  virtual ~ByteStream() = default;
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  // At least one byte, or 0 when the other end has ended its direction orderly. Throws base::Error.
  virtual asio::awaitable<size_t> read_some(std::span<uint8_t> into) = 0;
  // All of it. Throws base::Error.
  virtual asio::awaitable<void> write(std::span<const uint8_t> from) = 0;
  // Ends this direction orderly; reads go on. Once. Throws base::Error.
  virtual asio::awaitable<void> shutdown_write() = 0;
  // Ends both directions at once, as a failure that the other end sees. Calls that wait throw. Idempotent.
  virtual void abort() = 0;
  // Ends both directions at once; what was written still arrives. Calls that wait throw. Idempotent.
  virtual void close() = 0;
};
using ByteStreamPtr = std::shared_ptr<ByteStream>;

inline std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace caisson::gate
