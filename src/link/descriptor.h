// SPDX-License-Identifier: Apache-2.0

// A descriptor whose readiness is waited for; reading and writing are plain system calls on it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/fd.h"

namespace caisson::link {

namespace asio = boost::asio;

class Descriptor {
 public:
  // Made non-blocking and owned; with an empty Fd it is one that was closed.
  Descriptor(const asio::any_io_executor& executor, base::Fd fd) : descriptor_(executor) {
    if (!fd) return;
    descriptor_.assign(fd.get());
    (void)fd.release();
    descriptor_.native_non_blocking(true);
  }

  int get() { return descriptor_.native_handle(); }
  // Until it can be read (or is at its end). Also returns after close(): look at is_open().
  asio::awaitable<void> readable() { return wait(asio::posix::descriptor_base::wait_read); }
  asio::awaitable<void> writable() { return wait(asio::posix::descriptor_base::wait_write); }
  bool is_open() const { return descriptor_.is_open(); }
  void close() {
    boost::system::error_code ignored;
    descriptor_.close(ignored);
  }

 private:
  asio::awaitable<void> wait(asio::posix::descriptor_base::wait_type type) {
    boost::system::error_code ignored;
    auto token = asio::redirect_error(asio::use_awaitable, ignored);
    co_await descriptor_.async_wait(type, token);
  }

  asio::posix::stream_descriptor descriptor_;
};

}  // namespace caisson::link
