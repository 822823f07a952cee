// SPDX-License-Identifier: Apache-2.0

// What arrives on a byte stream, in a buffer of bounded size.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "gate/byte_stream.h"
#include "gate/held_bytes.h"

namespace caisson::gate {

class HttpInput {
 public:
  static constexpr size_t kBufferBytes = 16U << 10;  // a record of TLS

  explicit HttpInput(ByteStreamPtr from) : from_(std::move(from)), buffer_(kBufferBytes) {}

  // What is there; waits for at least one byte. Empty at the stream's end. It stays until it is consumed, and is valid
  // until the next call.
  asio::awaitable<std::string_view> peek() {
    if (begin_ == end_) {
      begin_ = 0;
      end_ = 0;
      end_ = co_await from_->read_some(buffer_);
    }
    co_return buffered();
  }
  std::string_view buffered() const { return {reinterpret_cast<const char*>(buffer_.data()) + begin_, end_ - begin_}; }
  void consume(size_t bytes) { begin_ += bytes; }

 private:
  ByteStreamPtr from_;
  std::vector<uint8_t> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

// Feeds a reader of heads until it needs no more. False: the stream ended first (also within the head: then the
// reader has been fed). `arrived` is called before the reader is fed, with how many bytes it has had and how many more
// it gets. Uses up the bytes of the head only.
template <typename Reader, typename Arrived>
asio::awaitable<bool> read_http_head(HttpInput& input, Reader& reader, Arrived arrived) {
  size_t fed = 0;
  while (reader.state() == Reader::State::kNeedMore) {
    const std::string_view bytes = co_await input.peek();
    if (bytes.empty()) co_return false;
    arrived(fed, bytes.size());
    reader.feed(bytes);
    const bool whole = reader.state() == Reader::State::kHead;
    input.consume(whole ? reader.head().size - fed : bytes.size());
    fed += bytes.size();
  }
  co_return true;
}

// The head that was read. The reader's memory goes with it, which an assignment would keep. (A function of its own: g++
// 12 makes the frame of a coroutine that does this too large for its own warnings.)
template <typename Reader>
[[gnu::noinline]] auto take_head(Reader& reader) {
  const Reader read = std::exchange(reader, {});
  return read.head();
}

}  // namespace caisson::gate
