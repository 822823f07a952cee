// SPDX-License-Identifier: Apache-2.0

// What the guest sends on a command's stream, in pieces of any size: the first byte says of which. What is handed on is
// a beginning of what came, whole frames of it, and the rest is refused or cut off.

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>

#include "base/error.h"
#include "keeper/frames.h"

namespace caisson::keeper {
namespace {

using link::ExecFrame;

void require(bool holds) {
  if (!holds) std::abort();
}

FrameReader::Source in_pieces(std::span<const uint8_t> left, size_t step) {
  return [left, step](std::span<uint8_t> into) mutable -> asio::awaitable<size_t> {
    const size_t count = std::min({into.size(), left.size(), step});
    require(!into.empty());
    std::copy_n(left.begin(), count, into.begin());
    left = left.subspan(count);
    co_return count;
  };
}

void check_error(std::string_view payload) {
  try {
    const CommandError error = command_error_from_guest(payload);
    require(error.exit_code >= 125 && error.exit_code <= 127);
    // Nothing in it steers a terminal.
    require(std::ranges::none_of(error.error, [](unsigned char byte) { return byte < 0x20 || byte == 0x7F; }));
  } catch (const base::Error&) {
  }
}

void check_batch(const FrameBatch& batch, std::span<const uint8_t> whole, size_t& position) {
  require(batch.bytes.size() <= whole.size() - position);
  require(std::ranges::equal(batch.bytes, whole.subspan(position, batch.bytes.size())));
  position += batch.bytes.size();
  size_t bytes = 0;
  size_t frames = 0;
  batch.for_each([&](std::string_view payload) {
    require(payload.size() <= link::kMaxExecFrameBytes);
    bytes += link::kExecHeaderBytes + payload.size();
    ++frames;
  });
  require(bytes == batch.bytes.size());
  require(frames == 1 || batch.is_output() || batch.type == ExecFrame::kStdin);
  if (batch.type == ExecFrame::kError) check_error(batch.payload());
}

asio::awaitable<void> read_all(FrameReader* reader, std::span<const uint8_t> whole) {
  size_t position = 0;
  try {
    while (true) {
      const FrameBatch batch = co_await reader->next();
      if (batch.bytes.empty()) break;
      check_batch(batch, whole, position);
    }
    require(position == whole.size());
  } catch (const base::Error&) {
    require(position < whole.size());
  }
}

void check(std::span<const uint8_t> data) {
  if (data.empty()) return;
  const std::span<const uint8_t> bytes = data.subspan(1);
  const FrameReader::Source source = in_pieces(bytes, size_t{data[0]} + 1);
  FrameReader reader(source);
  asio::io_context io;
  asio::co_spawn(io, read_all(&reader, bytes), [](const std::exception_ptr& thrown) { require(!thrown); });
  io.run();
}

}  // namespace
}  // namespace caisson::keeper

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  caisson::keeper::check({data, size});
  return 0;
}
