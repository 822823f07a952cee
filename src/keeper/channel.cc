// SPDX-License-Identifier: Apache-2.0

#include "keeper/channel.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstring>

#include "base/error.h"

namespace caisson::keeper {
namespace {

using Socket = asio::generic::stream_protocol::socket;
using boost::system::error_code;

int family_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    throw base::system_error("cannot use", "a connection");
  return address.ss_family;
}

base::Error broken(const char* doing, const error_code& error) {
  return base::system_error(doing, "a client", error.value());
}

}  // namespace

// Shared with the operations under way: they may outlive the Channel by one turn of the loop.
struct Channel::State {
  State(asio::any_io_executor executor, base::Fd fd, std::string early_bytes)
      : socket(executor), early(std::move(early_bytes)) {
    const int family = family_of(fd.get());
    socket.assign(asio::generic::stream_protocol(family, 0), fd.get());
    static_cast<void>(fd.release());
  }
  Socket socket;
  std::string early;
};

Channel::Channel(asio::any_io_executor executor, base::Fd socket, std::string early)
    : state_(std::make_shared<State>(std::move(executor), std::move(socket), std::move(early))) {}

Channel::~Channel() {
  close();
}

asio::awaitable<size_t> Channel::read_some(std::span<uint8_t> into) {
  const std::shared_ptr<State> state = state_;
  if (!state->early.empty()) {
    const size_t count = std::min(into.size(), state->early.size());
    std::memcpy(into.data(), state->early.data(), count);
    state->early.erase(0, count);
    co_return count;
  }
  error_code error;
  const asio::mutable_buffer buffer(into.data(), into.size());
  const size_t count = co_await state->socket.async_read_some(buffer, asio::redirect_error(asio::use_awaitable, error));
  if (error == asio::error::eof) co_return 0;
  if (error) throw broken("cannot read from", error);
  co_return count;
}

asio::awaitable<void> Channel::write(std::span<const uint8_t> from) {
  const std::shared_ptr<State> state = state_;
  error_code error;
  const asio::const_buffer buffer(from.data(), from.size());
  co_await asio::async_write(state->socket, buffer, asio::redirect_error(asio::use_awaitable, error));
  if (error) throw broken("cannot write to", error);
}

void Channel::shutdown_write() {
  error_code ignored;
  state_->socket.shutdown(Socket::shutdown_send, ignored);
}

void Channel::shutdown_read() {
  error_code ignored;
  state_->socket.shutdown(Socket::shutdown_receive, ignored);
}

void Channel::close() {
  error_code ignored;
  state_->socket.close(ignored);
}

bool Channel::closed() const {
  return !state_->socket.is_open();
}

// epoll says EPOLLHUP when both directions of a connection have ended (epoll_ctl(2)), and Asio hands that to who waits
// for an error.
asio::awaitable<void> Channel::wait_gone() {
  const std::shared_ptr<State> state = state_;
  if (!state->socket.is_open()) co_return;
  error_code ignored;
  co_await state->socket.async_wait(Socket::wait_error, asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace caisson::keeper
