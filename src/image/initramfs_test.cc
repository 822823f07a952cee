// SPDX-License-Identifier: Apache-2.0

#include "image/initramfs.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "image/digest.h"

namespace caisson::image {
namespace {

namespace fs = std::filesystem;

class InitramfsRecord : public testing::Test {
 protected:
  void SetUp() override { base::write_file_atomic(archive, content); }
  std::string found() const { return recorded_initramfs(folder.path(), record); }

  base::TempFolder folder;
  std::string content = "an archive";
  std::string archive = folder / (sha256(content) + ".cpio");
  std::string record = folder / "x.made";
};

TEST_F(InitramfsRecord, WhatWasMadeIsFound) {
  EXPECT_EQ(found(), "");
  record_initramfs(record, sha256(content), content.size());
  EXPECT_EQ(found(), archive);
  fs::remove(archive);
  EXPECT_EQ(found(), "");
}

TEST_F(InitramfsRecord, ATruncatedArchiveIsMadeAgain) {
  record_initramfs(record, sha256(content), content.size());
  fs::resize_file(archive, 3);
  EXPECT_EQ(found(), "");
}

TEST_F(InitramfsRecord, ADamagedRecordIsNone) {
  for (const std::string& text : {std::string(), sha256(content), std::string("../x 10"), sha256(content) + " 10 x"}) {
    base::write_file_atomic(record, text + "\n");
    EXPECT_EQ(found(), "") << text;
  }
}

}  // namespace
}  // namespace caisson::image
