// SPDX-License-Identifier: Apache-2.0

#include "guest/fuse_messages.h"

#include <linux/fuse.h>

#include <cstring>

#include "base/error.h"

namespace caisson::guest {

std::span<uint8_t> FuseMessages::room() {
  if (begin_ == end_) begin_ = end_ = 0;
  // What stands here is the beginning of a message, whose rest must find room behind it.
  if (begin_ > 0 && kBufferBytes - begin_ < link::kMostFuseBytes) {
    std::memmove(bytes_.get(), bytes_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return {bytes_.get() + end_, kBufferBytes - end_};
}

std::optional<std::span<const uint8_t>> FuseMessages::take() {
  uint32_t length = 0;
  if (end_ - begin_ < sizeof length) return std::nullopt;
  std::memcpy(&length, bytes_.get() + begin_, sizeof length);
  if (length < sizeof(fuse_out_header) || length > link::kMostFuseBytes)
    throw base::Error("a FUSE message of " + std::to_string(length) + " bytes");
  if (end_ - begin_ < length) return std::nullopt;
  const std::span<const uint8_t> message(bytes_.get() + begin_, length);
  begin_ += length;
  return message;
}

}  // namespace caisson::guest
