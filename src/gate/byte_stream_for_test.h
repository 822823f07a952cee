// SPDX-License-Identifier: Apache-2.0

// Byte streams in memory, joined in pairs; each direction holds a bounded number of bytes.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gate/byte_stream.h"
#include "link/event.h"

namespace caisson::gate {

class MemoryStream final : public ByteStream {
 public:
  static constexpr size_t kCapacity = 64U << 10;

  static std::pair<std::shared_ptr<MemoryStream>, std::shared_ptr<MemoryStream>> pair(
      const asio::any_io_executor& executor) {
    const auto there = std::make_shared<Pipe>(executor);
    const auto back = std::make_shared<Pipe>(executor);
    return {std::make_shared<MemoryStream>(there, back), std::make_shared<MemoryStream>(back, there)};
  }

  struct Pipe {
    explicit Pipe(const asio::any_io_executor& executor) : changed(executor) {}
    std::string bytes;
    bool ended = false;
    bool broken = false;
    link::Event changed;
  };
  MemoryStream(std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out) : in_(std::move(in)), out_(std::move(out)) {}

  asio::awaitable<size_t> read_some(std::span<uint8_t> into) override {
    while (in_->bytes.empty() && !in_->ended && !in_->broken) co_await in_->changed.wait();
    // What had arrived before is still read, as of a socket.
    if (closed_ || (in_->broken && in_->bytes.empty())) throw base::Error("the stream is broken");
    const size_t size = std::min(into.size(), in_->bytes.size());
    std::copy_n(in_->bytes.begin(), size, into.begin());
    in_->bytes.erase(0, size);
    in_->changed.notify_all();
    co_return size;
  }
  asio::awaitable<void> write(std::span<const uint8_t> from) override {
    while (!from.empty()) {
      while (out_->bytes.size() >= kCapacity && !out_->broken) co_await out_->changed.wait();
      if (closed_ || out_->broken || out_->ended) throw base::Error("the stream is broken");
      const std::span<const uint8_t> part = from.first(std::min(from.size(), kCapacity - out_->bytes.size()));
      out_->bytes.append(part.begin(), part.end());
      out_->changed.notify_all();
      from = from.subspan(part.size());
    }
  }
  asio::awaitable<void> shutdown_write() override {
    end(*out_, &Pipe::ended);
    co_return;
  }
  void abort() override {
    aborted = aborted || !closed_;
    closed_ = true;
    end(*in_, &Pipe::broken);
    end(*out_, &Pipe::broken);
  }
  void close() override {
    closed_ = true;
    end(*in_, &Pipe::broken);
    end(*out_, &Pipe::ended);
  }

  bool aborted = false;  // from this end

 private:
  static void end(Pipe& pipe, bool Pipe::*how) {
    pipe.*how = true;
    pipe.changed.notify_all();
  }

  std::shared_ptr<Pipe> in_;
  std::shared_ptr<Pipe> out_;
  bool closed_ = false;
};

// What a test sends and expects at an end.
inline asio::awaitable<void> send(ByteStreamPtr stream, std::string text) {
  const std::span<const uint8_t> bytes = bytes_of(text);
  co_await stream->write(bytes);
}

// Reads up to and with `end`, and not beyond.
inline asio::awaitable<std::string> receive_until(ByteStreamPtr stream, std::string end) {
  std::string text;
  while (!text.ends_with(end)) {
    uint8_t byte = 0;
    const std::span<uint8_t> into(&byte, 1);
    const size_t got = co_await stream->read_some(into);
    if (got == 0) throw base::Error("the stream ended after: " + text);
    text += static_cast<char>(byte);
  }
  co_return text;
}

// Everything up to the end; "…(broken)" where that is none.
inline asio::awaitable<std::string> receive_all(ByteStreamPtr stream) {
  std::string text;
  std::vector<uint8_t> buffer(4096);
  try {
    for (;;) {
      const size_t got = co_await stream->read_some(buffer);
      if (got == 0) break;
      text.append(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(got));
    }
  } catch (const base::Error&) {
    text += "(broken)";
  }
  co_return text;
}

}  // namespace caisson::gate
