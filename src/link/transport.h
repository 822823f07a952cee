// SPDX-License-Identifier: Apache-2.0

// The byte stream below the link: a virtio port, a socket, or a pair of pipes (a process's stdin and stdout).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <span>

#include "base/fd.h"

namespace caisson::link {

namespace asio = boost::asio;

// One duplex byte stream. Used from one thread; at most one read and one write under way at a time.
class Transport {
 public:
  virtual ~Transport() = default;
  // At least one byte, or 0 at the end of the stream. Throws base::Error.
  virtual asio::awaitable<size_t> read_some(std::span<uint8_t> into) = 0;
  // All of it. Throws base::Error.
  virtual asio::awaitable<void> write_all(std::span<const uint8_t> from) = 0;
  // Ends both directions; a pending read or write fails. Idempotent.
  virtual void close() = 0;
};

// A transport over one descriptor (socket, virtio port, tty); it is made non-blocking and owned.
std::unique_ptr<Transport> descriptor_transport(asio::any_io_executor executor, base::Fd duplex);
// A transport over two (stdin and stdout of a process).
std::unique_ptr<Transport> pipe_transport(asio::any_io_executor executor, base::Fd read_end, base::Fd write_end);

}  // namespace caisson::link
