// SPDX-License-Identifier: Apache-2.0

// A connected stream socket (an API client after its upgrade) as the keeper's coroutines use it. One reader and one
// writer at a time; one thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/fd.h"

namespace caisson::keeper {

namespace asio = boost::asio;

class Channel {
 public:
  // `early`: bytes that were read from the socket already and come first.
  Channel(asio::any_io_executor executor, base::Fd socket, std::string early = {});
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // At least one byte, or 0 at the end. Throws base::Error.
  asio::awaitable<size_t> read_some(std::span<uint8_t> into);
  // All of it. Throws base::Error.
  asio::awaitable<void> write(std::span<const uint8_t> from);
  // No more writes; reads go on.
  void shutdown_write();
  // No more reads: the other end's writes fail with EPIPE.
  void shutdown_read();
  // The other end sees an end. Pending calls throw. Idempotent.
  void close();
  bool closed() const;
  // Returns when the other end has closed its socket (not: only its writing half), also while nothing is read from it;
  // or after close().
  asio::awaitable<void> wait_gone();

 private:
  struct State;
  std::shared_ptr<State> state_;
};
using ChannelPtr = std::shared_ptr<Channel>;

}  // namespace caisson::keeper
