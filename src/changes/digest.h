// SPDX-License-Identifier: Apache-2.0

// FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), of 64 bits: whether something is as it was, where nobody who
// could choose a collision is kept out by it.
#pragma once

#include <cstdint>
#include <string_view>

namespace caisson::changes {

class Digest {
 public:
  Digest& add(std::string_view bytes) {
    for (const char byte : bytes) {
      value_ ^= static_cast<unsigned char>(byte);
      value_ *= 0x100000001b3ULL;
    }
    return *this;
  }
  Digest& add(uint64_t number) { return add({reinterpret_cast<const char*>(&number), sizeof number}); }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xcbf29ce484222325ULL;
};

}  // namespace caisson::changes
