// SPDX-License-Identifier: Apache-2.0

// Bodies as servers encode them.
#pragma once

#include <zlib.h>

#include <stdexcept>
#include <string>

namespace caisson::gate {

inline std::string deflated_with(const std::string& text, int window_bits) {
  z_stream stream{};
  constexpr int kMemoryLevel = 8;
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_bits, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("deflateInit2");
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}
inline std::string gzip_of(const std::string& text) {
  return deflated_with(text, MAX_WBITS + 16);
}
inline std::string deflate_of(const std::string& text) {
  return deflated_with(text, MAX_WBITS);
}

}  // namespace caisson::gate
