// SPDX-License-Identifier: Apache-2.0

#include "link/frame.h"

#include <string>

#include "base/error.h"
#include "link/big_endian.h"

namespace caisson::link {

namespace {

constexpr uint8_t kVersion = 0;
constexpr uint16_t kAllFlags = kSyn | kAck | kFin | kRst;

}  // namespace

Frame decode_frame(std::span<const uint8_t, kFrameHeaderBytes> bytes) {
  if (bytes[0] != kVersion)
    throw base::Error("a frame of yamux version " + std::to_string(bytes[0]) + " instead of version 0");
  if (bytes[1] > static_cast<uint8_t>(FrameType::kGoAway))
    throw base::Error("a frame of the unknown type " + std::to_string(bytes[1]));
  const Frame frame{.type = static_cast<FrameType>(bytes[1]),
                    .flags = load16(&bytes[2]),
                    .stream = load32(&bytes[4]),
                    .length = load32(&bytes[8])};
  if ((frame.flags & ~kAllFlags) != 0)
    throw base::Error("a frame with the unknown flags " + std::to_string(frame.flags));
  const bool of_session = frame.type == FrameType::kPing || frame.type == FrameType::kGoAway;
  if (of_session != (frame.stream == 0))
    throw base::Error("a frame of type " + std::to_string(bytes[1]) + " for stream " + std::to_string(frame.stream));
  return frame;
}

void encode_frame(const Frame& frame, std::span<uint8_t, kFrameHeaderBytes> into) {
  into[0] = kVersion;
  into[1] = static_cast<uint8_t>(frame.type);
  store16(frame.flags, &into[2]);
  store32(frame.stream, &into[4]);
  store32(frame.length, &into[8]);
}

}  // namespace caisson::link
