// SPDX-License-Identifier: Apache-2.0

#include "link/session.h"

#include "base/error.h"
#include "link/session_core.h"

namespace caisson::link {

Stream::Stream(std::shared_ptr<SessionCore> core, std::shared_ptr<StreamState> state)
    : core_(std::move(core)), state_(std::move(state)) {}

Stream::~Stream() {
  core_->drop(state_);
}

uint32_t Stream::id() const {
  return state_->id;
}

asio::awaitable<void> Stream::readable() {
  return core_->readable(core_, state_);
}

std::span<const uint8_t> Stream::peek() const {
  return state_->incoming.peek();
}

void Stream::consume(size_t bytes) {
  core_->consume(state_, bytes);
}

asio::awaitable<size_t> Stream::read_some(std::span<uint8_t> into) {
  return core_->read_some(core_, state_, into);
}

asio::awaitable<void> Stream::read_exact(std::span<uint8_t> into) {
  while (!into.empty()) {
    const size_t got = co_await read_some(into);
    if (got == 0) throw base::Error("the other end of the link ended the stream too early");
    into = into.subspan(got);
  }
}

asio::awaitable<void> Stream::write(std::span<const uint8_t> from) {
  return core_->write(core_, state_, from);
}

asio::awaitable<void> Stream::close_write() {
  return core_->close_write(core_, state_);
}

void Stream::reset() {
  core_->reset(state_);
}

void Stream::on_broken(std::function<void()> told) {
  if (state_->broken()) return told();
  state_->on_broken = std::move(told);
}

Session::Session(asio::any_io_executor executor, std::unique_ptr<Transport> transport, Role role, Limits limits)
    : core_(std::make_shared<SessionCore>(std::move(executor), std::move(transport), role, limits)) {}

Session::~Session() {
  core_->close();
}

asio::awaitable<std::string> Session::run() {
  return core_->run(core_);
}
asio::awaitable<StreamPtr> Session::open() {
  return core_->open(core_);
}
asio::awaitable<StreamPtr> Session::accept() {
  return core_->accept(core_);
}
void Session::close() {
  core_->close();
}
bool Session::ended() const {
  return core_->ended();
}
size_t Session::stream_count() const {
  return core_->stream_count();
}
size_t Session::buffered_bytes() const {
  return core_->buffered_bytes();
}

}  // namespace caisson::link
