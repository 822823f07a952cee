// SPDX-License-Identifier: Apache-2.0

// What TLS looks like from outside: records, and the message that begins it. Source: RFC 8446, sections 4 and 5.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace caisson::gate {

inline constexpr uint8_t kChangeCipherSpecRecord = 20;
inline constexpr uint8_t kHandshakeRecord = 22;
inline constexpr uint8_t kApplicationDataRecord = 23;
inline constexpr uint8_t kMajorVersion = 3;
inline constexpr size_t kRecordHeaderBytes = 5;
inline constexpr uint8_t kClientHelloType = 1;
inline constexpr size_t kMessageHeaderBytes = 4;

inline uint8_t byte_at(std::string_view bytes, size_t at) {
  return static_cast<uint8_t>(bytes[at]);
}

}  // namespace caisson::gate
