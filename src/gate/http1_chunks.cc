// SPDX-License-Identifier: Apache-2.0

#include "gate/http1_chunks.h"

#include <fmt/format.h>

#include <charconv>

#include "base/text.h"

namespace caisson::gate {
namespace {

// 60 bits: far from where adding to it overflows, for every reader behind this one.
constexpr size_t kMaxSizeDigits = 15;

uint64_t chunk_size(std::string_view line) {
  if (has_control_byte(line)) throw HttpProblem("a chunk's size has a control byte");
  const std::string_view digits = base::trimmed(line.substr(0, line.find(';')));
  uint64_t size = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, size, 16);
  if (digits.empty() || !line.starts_with(digits) || digits.size() > kMaxSizeDigits || error != std::errc{} ||
      stop != end) {
    throw HttpProblem("a chunk's size is no number, or too large");
  }
  return size;
}

}  // namespace

BodyPiece ChunkReader::read(std::string_view bytes) {
  size_t used = 0;
  while (used < bytes.size() && !done()) {
    if (state_ == State::kData) {
      BodyPiece piece = read_data(bytes.substr(used));
      piece.used += used;
      return piece;
    }
    used += read_line(bytes.substr(used));
  }
  return {.used = used, .data = {}};
}

BodyPiece ChunkReader::read_data(std::string_view bytes) {
  const std::string_view data = bytes.substr(0, std::min<uint64_t>(left_, bytes.size()));
  left_ -= data.size();
  if (left_ == 0) state_ = State::kDataEnd;
  return {.used = data.size(), .data = data};
}

size_t ChunkReader::read_line(std::string_view bytes) {
  const size_t end = bytes.find('\n');
  const size_t used = end == std::string_view::npos ? bytes.size() : end + 1;
  line_ += bytes.substr(0, used);
  if (line_.size() > kMaxLineBytes) throw HttpProblem("a line of its chunks is longer than 4096 bytes");
  if (end == std::string_view::npos) return used;
  if (!line_.ends_with("\r\n")) throw HttpProblem("a line of its chunks ends with LF alone");
  trailer_bytes_ += state_ == State::kTrailer ? line_.size() : 0;
  line_.resize(line_.size() - 2);
  take_line();
  line_.clear();
  return used;
}

void ChunkReader::take_line() {
  switch (state_) {
    case State::kSize:
      left_ = chunk_size(line_);
      state_ = left_ == 0 ? State::kTrailer : State::kData;
      break;
    case State::kDataEnd:
      if (!line_.empty()) throw HttpProblem("a chunk is longer than its size");
      state_ = State::kSize;
      break;
    case State::kTrailer:
      take_trailer();
      break;
    case State::kData:
    case State::kDone:
      break;
  }
}

void ChunkReader::take_trailer() {
  if (line_.empty()) {
    state_ = State::kDone;
    return;
  }
  if (trailer_bytes_ > kMaxTrailerBytes) throw HttpProblem("its trailers are longer than 16384 bytes");
  append_field(trailers_, line_);
  if (is_no_trailer(trailers_.back().first)) throw HttpProblem("it has a trailer that belongs into its head");
}

std::string chunk_begin(size_t bytes) {
  return fmt::format("{:x}\r\n", bytes);
}

std::string last_chunk(const HttpFields& trailers) {
  std::string text = "0\r\n";
  for (const auto& [name, value] : trailers) text += name + ": " + value + "\r\n";
  return text + "\r\n";
}

}  // namespace caisson::gate
