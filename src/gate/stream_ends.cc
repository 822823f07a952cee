// SPDX-License-Identifier: Apache-2.0

#include "gate/stream_ends.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace caisson::gate {

asio::awaitable<size_t> GuestEnd::read_some(std::span<uint8_t> into) {
  const size_t got = co_await stream_->read_some(into);
  from_guest_bytes_ += got;
  co_await up_.pass(Toll::Side::kGuest, got);
  co_return got;
}

asio::awaitable<void> GuestEnd::write(std::span<const uint8_t> from) {
  co_await down_.pass(Toll::Side::kGuest, from.size());
  co_await stream_->write(from);
  to_guest_bytes_ += from.size();
}

asio::awaitable<size_t> SocketEnd::read_some(std::span<uint8_t> into) {
  for (;;) {
    const ssize_t got = ::recv(link::open_socket(*socket_), into.data(), into.size(), 0);
    if (got >= 0) co_return static_cast<size_t>(got);
    const int errnum = errno;
    if (errnum == EAGAIN) {
      co_await socket_->readable();
    } else if (errnum != EINTR) {
      throw base::system_error("cannot receive from", "connection", errnum);
    }
  }
}

asio::awaitable<void> SocketEnd::shutdown_write() {
  if (::shutdown(link::open_socket(*socket_), SHUT_WR) != 0) throw base::system_error("cannot end", "connection");
  co_return;
}

void SocketEnd::abort() {
  link::abort_socket(*socket_);
}

asio::awaitable<size_t> ServerEnd::read_some(std::span<uint8_t> into) {
  const size_t got = co_await socket_.read_some(into);
  co_await guest_->down().pass(Toll::Side::kServer, got);
  co_return got;
}

asio::awaitable<void> ServerEnd::write(std::span<const uint8_t> from) {
  co_await guest_->up().pass(Toll::Side::kServer, from.size());
  co_await socket_.write(from);
}

asio::awaitable<size_t> PrefixedStream::read_some(std::span<uint8_t> into) {
  if (prefix_.empty()) co_return co_await rest_->read_some(into);
  const size_t size = std::min(into.size(), prefix_.size());
  std::copy_n(prefix_.begin(), size, into.begin());
  prefix_.erase(0, size);
  if (prefix_.empty()) {
    std::string().swap(prefix_);
    held_.release();
  }
  co_return size;
}

}  // namespace caisson::gate
