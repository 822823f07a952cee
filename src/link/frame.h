// SPDX-License-Identifier: Apache-2.0

// The 12-byte header of a yamux frame (spec: "Framing"): version, type, flags, stream id, length, all big-endian.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace caisson::link {

enum class FrameType : uint8_t { kData = 0, kWindowUpdate = 1, kPing = 2, kGoAway = 3 };

enum FrameFlag : uint16_t { kSyn = 1, kAck = 2, kFin = 4, kRst = 8 };

enum class GoAwayCode : uint32_t { kNormal = 0, kProtocolError = 1, kInternalError = 2 };

inline constexpr uint32_t kInitialWindowBytes = 256U << 10;  // spec: "Flow Control"

struct Frame {
  FrameType type = FrameType::kData;
  uint16_t flags = 0;
  uint32_t stream = 0;
  uint32_t length = 0;  // kData: payload bytes; kWindowUpdate: bytes granted; kPing: any value; kGoAway: GoAwayCode

  bool has(FrameFlag flag) const { return (flags & flag) != 0; }
};

inline constexpr size_t kFrameHeaderBytes = 12;
using FrameHeader = std::array<uint8_t, kFrameHeaderBytes>;

// Throws base::Error with what is wrong: the version, the type, a flag that does not exist, a stream id that does not
// go with the type.
Frame decode_frame(std::span<const uint8_t, kFrameHeaderBytes> bytes);
void encode_frame(const Frame& frame, std::span<uint8_t, kFrameHeaderBytes> into);

}  // namespace caisson::link
