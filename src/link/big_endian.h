// SPDX-License-Identifier: Apache-2.0

// Numbers in network byte order, as all of the link's binary fields are.
#pragma once

#include <cstdint>

namespace caisson::link {

constexpr uint16_t load16(const uint8_t* from) {
  return static_cast<uint16_t>(from[0] << 8 | from[1]);
}

constexpr uint32_t load32(const uint8_t* from) {
  return static_cast<uint32_t>(load16(from)) << 16 | load16(from + 2);
}

constexpr void store16(uint16_t value, uint8_t* into) {
  into[0] = static_cast<uint8_t>(value >> 8);
  into[1] = static_cast<uint8_t>(value);
}

constexpr void store32(uint32_t value, uint8_t* into) {
  store16(static_cast<uint16_t>(value >> 16), into);
  store16(static_cast<uint16_t>(value), into + 2);
}

}  // namespace caisson::link
