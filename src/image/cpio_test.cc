// SPDX-License-Identifier: Apache-2.0

#include "image/cpio.h"

#include <gtest/gtest.h>

namespace caisson::image {
namespace {

TEST(Cpio, WritesTheBytesOfTheSpecification) {
  CpioWriter writer;
  writer.file("a", "hi", 0644);
  const std::string entry = std::string("070701") + "00000001" + "000081A4" + "00000000" + "00000000" + "00000001" +
                            "00000000" + "00000002" + "00000000" + "00000000" + "00000000" + "00000000" + "00000002" +
                            "00000000" + std::string("a\0", 2) + std::string("hi\0\0", 4);
  const std::string archive = writer.finish();
  EXPECT_EQ(archive.substr(0, entry.size()), entry);
  EXPECT_EQ(archive.size() % 4, 0U);
  EXPECT_NE(archive.find("TRAILER!!!"), std::string::npos);
}

TEST(Cpio, DevicesAndFoldersCarryTheirKind) {
  CpioWriter writer;
  writer.folder("dev");
  writer.character_device("dev/console", 5, 1);
  const std::string archive = writer.finish();
  EXPECT_EQ(archive.substr(14, 8), "000041ED");
  const size_t device = archive.find("070701", 6);
  ASSERT_NE(device, std::string::npos);
  EXPECT_EQ(archive.substr(device + 14, 8), "00002180");
  EXPECT_EQ(archive.substr(device + 78, 16), "0000000500000001");
}

}  // namespace
}  // namespace caisson::image
