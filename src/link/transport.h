// SPDX-License-Identifier: Apache-2.0

// The byte stream below the link: a virtio port, a socket, or a pair of pipes (a process's stdin and stdout).
#pragma once

#include <sys/uio.h>

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
  // The same without waiting, and without a turn of the event loop: 0 where nothing is there, it has ended or failed
  // (which read_some then says), or the transport cannot do it.
  virtual size_t try_read(std::span<uint8_t> into);
  // All of it. Throws base::Error.
  virtual asio::awaitable<void> write_all(std::span<const uint8_t> from) = 0;
  // Writes a beginning of `parts` without waiting and returns its length, 0 where nothing can be taken now; never
  // called while a write_all is under way. Throws base::Error. A transport that cannot do it keeps this.
  virtual size_t try_write(std::span<const iovec> parts);
  // Ends both directions; a pending read or write fails. Idempotent.
  virtual void close() = 0;
};

// A transport over one descriptor (socket, virtio port, tty); it is made non-blocking and owned. The end of a virtio
// port is the host's closing of its side: another transport over the same open file can then wait for the next session.
std::unique_ptr<Transport> descriptor_transport(asio::any_io_executor executor, base::Fd duplex);
// A transport over two (stdin and stdout of a process). The process must ignore SIGPIPE.
std::unique_ptr<Transport> pipe_transport(asio::any_io_executor executor, base::Fd read_end, base::Fd write_end);

}  // namespace caisson::link
