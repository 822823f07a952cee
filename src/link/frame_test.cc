// SPDX-License-Identifier: Apache-2.0

#include "link/frame.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "base/error.h"

namespace caisson::link {
namespace {

// What the codec says to `header`, or "".
std::string frame_complaint(const FrameHeader& header) {
  try {
    decode_frame(header);
  } catch (const base::Error& error) {
    return error.problem();
  }
  return "";
}

TEST(Frame, IsTheTwelveBytesOfTheSpec) {
  FrameHeader header;
  encode_frame({.type = FrameType::kWindowUpdate, .flags = kSyn | kAck, .stream = 0x01020304, .length = 0xa0b0c0d0},
               header);
  EXPECT_EQ(header, (FrameHeader{0, 1, 0, 3, 1, 2, 3, 4, 0xa0, 0xb0, 0xc0, 0xd0}));
}

TEST(Frame, IsReadAsItWasWritten) {
  for (uint8_t type = 0; type <= 3; ++type) {
    for (uint16_t flags = 0; flags <= 15; ++flags) {
      const uint32_t stream = type < 2 ? UINT32_MAX : 0;
      const Frame frame{.type = static_cast<FrameType>(type), .flags = flags, .stream = stream, .length = 0x89abcdef};
      FrameHeader header;
      encode_frame(frame, header);
      const Frame read = decode_frame(header);
      EXPECT_EQ(read.type, frame.type);
      EXPECT_EQ(read.flags, frame.flags);
      EXPECT_EQ(read.stream, frame.stream);
      EXPECT_EQ(read.length, frame.length);
    }
  }
}

TEST(Frame, RefusesWhatTheSpecDoesNotKnow) {
  EXPECT_EQ(frame_complaint({1, 0, 0, 0, 0, 0, 0, 1}), "a frame of yamux version 1 instead of version 0");
  EXPECT_EQ(frame_complaint({0, 4, 0, 0, 0, 0, 0, 1}), "a frame of the unknown type 4");
  EXPECT_EQ(frame_complaint({0, 0, 0, 16, 0, 0, 0, 1}), "a frame with the unknown flags 16");
  EXPECT_EQ(frame_complaint({0, 0, 0, 0, 0, 0, 0, 0}), "a frame of type 0 for stream 0");
  EXPECT_EQ(frame_complaint({0, 1, 0, 0, 0, 0, 0, 0}), "a frame of type 1 for stream 0");
  EXPECT_EQ(frame_complaint({0, 2, 0, 1, 0, 0, 0, 3}), "a frame of type 2 for stream 3");
  EXPECT_EQ(frame_complaint({0, 3, 0, 0, 0, 0, 0, 3}), "a frame of type 3 for stream 3");
}

}  // namespace
}  // namespace caisson::link
