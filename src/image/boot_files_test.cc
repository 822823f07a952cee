// SPDX-License-Identifier: Apache-2.0

#include "image/boot_files.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "image/digest.h"

namespace caisson::image {
namespace {

namespace fs = std::filesystem;

class BootFiles : public testing::Test {
 protected:
  void SetUp() override {
    base::make_folders(modules + "/6.1/net");
    base::write_file_atomic(kernel + "/vmlinuz", "a kernel");
    base::write_file_atomic(modules + "/6.1/net/veth.ko", "a module");
    base::write_file_atomic(kernel + "/digest", sha256("a kernel") + "\n");
    base::write_file_atomic(kernel + "/modules-digest", modules_digest(modules) + "\n");
    base::make_folders(cache / "initramfs");
    base::write_file_atomic(initramfs, "an archive");
  }
  std::vector<std::string> problems() const {
    std::vector<std::string> found;
    for (const BootFileCheck& check : verify_boot_files(cache.path())) {
      if (!check.problem.empty()) found.push_back(check.what + ": " + check.problem);
    }
    return found;
  }
  using Problems = std::vector<std::string>;

  base::TempFolder cache;
  std::string kernel = cache / "kernels/6.1_1";
  std::string modules = kernel + "/lib/modules";
  std::string initramfs = cache / ("initramfs/" + sha256("an archive") + ".cpio");
};

TEST_F(BootFiles, WhatIsIntactStays) {
  EXPECT_EQ(verify_boot_files(cache.path()).size(), 2U);
  EXPECT_EQ(problems(), Problems());
  EXPECT_TRUE(fs::exists(kernel + "/vmlinuz"));
  EXPECT_TRUE(fs::exists(initramfs));
}

TEST_F(BootFiles, NothingStoredIsNothingWrong) {
  const base::TempFolder empty;
  EXPECT_TRUE(verify_boot_files(empty.path()).empty());
}

TEST_F(BootFiles, AChangedKernelIsRemoved) {
  base::write_file_atomic(kernel + "/vmlinuz", "b kernel");
  EXPECT_EQ(problems(), Problems{"kernel: 'vmlinuz' has changed"});
  EXPECT_FALSE(fs::exists(kernel));
  EXPECT_EQ(problems(), Problems());
}

TEST_F(BootFiles, AChangedMovedOrAddedModuleIsSeen) {
  base::write_file_atomic(modules + "/6.1/net/veth.ko", "b module");
  EXPECT_EQ(problems(), Problems{"kernel: its modules have changed"});
  SetUp();
  fs::rename(modules + "/6.1/net/veth.ko", modules + "/6.1/net/vxlan.ko");
  EXPECT_EQ(problems(), Problems{"kernel: its modules have changed"});
  SetUp();
  base::write_file_atomic(modules + "/6.1/more.ko", "");
  EXPECT_EQ(problems(), Problems{"kernel: its modules have changed"});
}

TEST_F(BootFiles, AChangedInitramfsIsRemoved) {
  base::write_file_atomic(initramfs, "no archive");
  EXPECT_EQ(problems(), Problems{"initramfs: its content has changed"});
  EXPECT_FALSE(fs::exists(initramfs));
}

}  // namespace
}  // namespace caisson::image
