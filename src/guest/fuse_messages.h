// SPDX-License-Identifier: Apache-2.0

// Takes a stream of bytes apart into FUSE messages: each begins with its own length (<linux/fuse.h>, struct
// fuse_in_header and fuse_out_header), and the kernel wants each answer in one write(2). One copy: from the stream into
// this buffer, from which it is written.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "link/workspace_messages.h"

namespace caisson::guest {

class FuseMessages {
 public:
  FuseMessages() : bytes_(std::make_unique_for_overwrite<uint8_t[]>(kBufferBytes)) {}

  // Where the next bytes of the stream go; never empty after take() returned nothing.
  std::span<uint8_t> room();
  // So many have been put there.
  void add(size_t count) { end_ += count; }
  // The next whole message, until room() is called. Throws base::Error for a length that no answer has.
  std::optional<std::span<const uint8_t>> take();

 private:
  // What is moved to the front is less than a message; this makes it seldom.
  static constexpr size_t kBufferBytes = link::kMostFuseBytes + (256U << 10);

  std::unique_ptr<uint8_t[]> bytes_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace caisson::guest
