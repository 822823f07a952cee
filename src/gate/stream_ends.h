// SPDX-License-Identifier: Apache-2.0

// The two ends of a guest's connection as byte streams.
#pragma once

#include <string>

#include "gate/budget.h"
#include "gate/byte_stream.h"
#include "gate/held_bytes.h"
#include "link/descriptor.h"
#include "link/relay.h"
#include "link/session.h"

namespace caisson::gate {

// The guest's end. Its bytes are counted, and wait for the sandbox's budget.
class GuestEnd final : public ByteStream {
 public:
  // `budget` outlives it: `keeps_alive` is its owner, or null.
  GuestEnd(link::StreamPtr stream, std::shared_ptr<void> keeps_alive, Budget& budget)
      : stream_(std::move(stream)),
        spender_(Spender::of(*stream_, budget, std::move(keeps_alive))),
        up_(*spender_),
        down_(*spender_) {}

  asio::awaitable<size_t> read_some(std::span<uint8_t> into) override;
  asio::awaitable<void> write(std::span<const uint8_t> from) override;
  asio::awaitable<void> shutdown_write() override { return stream_->close_write(); }
  void abort() override { stream_->reset(); }
  void close() override { stream_->reset(); }

  uint64_t from_guest_bytes() const { return from_guest_bytes_; }
  uint64_t to_guest_bytes() const { return to_guest_bytes_; }
  Toll& up() { return up_; }
  Toll& down() { return down_; }

 private:
  link::StreamPtr stream_;
  SpenderPtr spender_;
  Toll up_;
  Toll down_;
  uint64_t from_guest_bytes_ = 0;
  uint64_t to_guest_bytes_ = 0;
};

// A connected stream socket.
class SocketEnd final : public ByteStream {
 public:
  explicit SocketEnd(std::shared_ptr<link::Descriptor> socket) : socket_(std::move(socket)) {}

  asio::awaitable<size_t> read_some(std::span<uint8_t> into) override;
  asio::awaitable<void> write(std::span<const uint8_t> from) override { return link::send_all(*socket_, from); }
  asio::awaitable<void> shutdown_write() override;
  void abort() override;
  void close() override { socket_->close(); }

 private:
  std::shared_ptr<link::Descriptor> socket_;
};

// The server's end of a guest's connection whose bytes are not passed on as they are.
class ServerEnd final : public ByteStream {
 public:
  ServerEnd(std::shared_ptr<link::Descriptor> socket, std::shared_ptr<GuestEnd> guest)
      : socket_(std::move(socket)), guest_(std::move(guest)) {}

  asio::awaitable<size_t> read_some(std::span<uint8_t> into) override;
  asio::awaitable<void> write(std::span<const uint8_t> from) override;
  asio::awaitable<void> shutdown_write() override { return socket_.shutdown_write(); }
  void abort() override { socket_.abort(); }
  void close() override { socket_.close(); }

 private:
  SocketEnd socket_;
  std::shared_ptr<GuestEnd> guest_;
};

// A stream from which some bytes were read already: they are read once more.
class PrefixedStream final : public ByteStream {
 public:
  // `held`: what is counted for the prefix, until it was read.
  PrefixedStream(std::string prefix, ByteStreamPtr rest, Held held)
      : prefix_(std::move(prefix)), rest_(std::move(rest)), held_(std::move(held)) {}

  asio::awaitable<size_t> read_some(std::span<uint8_t> into) override;
  asio::awaitable<void> write(std::span<const uint8_t> from) override { return rest_->write(from); }
  asio::awaitable<void> shutdown_write() override { return rest_->shutdown_write(); }
  void abort() override { rest_->abort(); }
  void close() override { rest_->close(); }

 private:
  std::string prefix_;
  ByteStreamPtr rest_;
  Held held_;
};

}  // namespace caisson::gate
