// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/machine.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/temp_folder_for_test.h"

namespace caisson::engine::microvm {
namespace {

class MachineTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const std::string* path : {&parts.image, &parts.disk, &parts.base_disk, &parts.kernel, &parts.initramfs,
                                    &parts.ram, &parts.device_state})
      base::write_file_atomic(*path, "content");
  }
  static int mode(const base::Fd& fd) { return ::fcntl(fd.get(), F_GETFL) & O_ACCMODE; }
  static bool is(const base::Fd& fd, const std::string& path) {
    struct stat opened {};
    struct stat named {};
    return ::fstat(fd.get(), &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino;
  }

  base::TempFolder folder;
  Parts parts{.accelerator = vmm::Accelerator::kTcg,
              .vcpus = 3,
              .memory = base::mebibytes(256),
              .image = folder / "image",
              .disk = folder / "disk",
              .base_disk = folder / "base",
              .kernel = folder / "kernel",
              .initramfs = folder / "initramfs",
              .ram = folder / "ram",
              .device_state = folder / "state"};
};

TEST_F(MachineTest, ACloneCanWriteItsOwnDiskAndNothingElse) {
  const vmm::MachineConfig config = thawed_machine(parts);
  ASSERT_EQ(config.disks.size(), 2U);
  EXPECT_TRUE(is(config.disks[0].image.file, parts.image));
  EXPECT_TRUE(config.disks[0].read_only);
  EXPECT_EQ(mode(config.disks[0].image.file), O_RDONLY);
  EXPECT_TRUE(is(config.disks[1].image.file, parts.disk));
  EXPECT_EQ(mode(config.disks[1].image.file), O_RDWR);
  ASSERT_TRUE(config.disks[1].backing);
  EXPECT_TRUE(is(config.disks[1].backing->file, parts.base_disk));
  EXPECT_EQ(mode(config.disks[1].backing->file), O_RDONLY);
  EXPECT_EQ(config.memory.kind, vmm::MemoryKind::kTemplateClone);
  EXPECT_EQ(mode(config.memory.file), O_RDONLY);
  EXPECT_EQ(mode(config.device_state), O_RDONLY);
  EXPECT_FALSE(config.kernel);
}

TEST_F(MachineTest, ATemplateInTheMakingWritesItsFiles) {
  parts.base_disk.clear();
  const vmm::MachineConfig config = booting_machine(parts);
  EXPECT_EQ(config.memory.kind, vmm::MemoryKind::kTemplateNew);
  EXPECT_EQ(mode(config.memory.file), O_RDWR);
  EXPECT_EQ(mode(config.device_state), O_WRONLY);
  EXPECT_EQ(config.disks[1].image.format, vmm::DiskFormat::kRaw);
  EXPECT_FALSE(config.disks[1].backing);
}

TEST_F(MachineTest, ASandboxThatRanBeforeBootsWithMemoryOfItsOwn) {
  parts.ram.clear();
  const vmm::MachineConfig config = booting_machine(parts);
  EXPECT_EQ(config.memory.kind, vmm::MemoryKind::kAnonymous);
  EXPECT_FALSE(config.device_state);
  EXPECT_TRUE(is(config.kernel, parts.kernel));
  EXPECT_TRUE(config.disks[1].backing);
}

TEST_F(MachineTest, CloneAndTemplateAreTheSameMachine) {
  const vmm::MachineConfig made = booting_machine(parts);
  const vmm::MachineConfig thawed = thawed_machine(parts);
  EXPECT_EQ(made.vcpus, thawed.vcpus);
  EXPECT_EQ(made.memory.size.count, thawed.memory.size.count);
  EXPECT_EQ(made.accelerator, thawed.accelerator);
  EXPECT_EQ(made.disks.size(), thawed.disks.size());
}

}  // namespace
}  // namespace caisson::engine::microvm
