// SPDX-License-Identifier: Apache-2.0

// The chunked transfer coding (RFC 9112, section 7.1), read piece by piece with bounded memory and written anew. Chunk
// extensions are dropped; trailers are kept.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gate/http_fields.h"

namespace caisson::gate {

// A part of a body: so many bytes of the input were read, and the data that they hold (a part of the input, or empty).
struct BodyPiece {
  size_t used = 0;
  std::string_view data = {};
};

class ChunkReader {
 public:
  static constexpr size_t kMaxLineBytes = 4096;      // of a chunk's size with its extensions
  static constexpr size_t kMaxTrailerBytes = 16384;  // of all trailers

  // Reads from the front of `bytes`, which is not empty, up to the first data's end. Throws HttpProblem.
  BodyPiece read(std::string_view bytes);
  bool done() const { return state_ == State::kDone; }
  const HttpFields& trailers() const { return trailers_; }

 private:
  enum class State : uint8_t { kSize, kData, kDataEnd, kTrailer, kDone };

  BodyPiece read_data(std::string_view bytes);
  size_t read_line(std::string_view bytes);
  void take_line();
  void take_trailer();

  State state_ = State::kSize;
  std::string line_;
  uint64_t left_ = 0;  // of the chunk's data
  size_t trailer_bytes_ = 0;
  HttpFields trailers_;
};

// The beginning of a chunk of so many bytes (not 0), which ends with kChunkEnd; the last chunk with its trailers.
std::string chunk_begin(size_t bytes);
inline constexpr std::string_view kChunkEnd = "\r\n";
std::string last_chunk(const HttpFields& trailers);

}  // namespace caisson::gate
