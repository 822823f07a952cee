// SPDX-License-Identifier: Apache-2.0

#include "vmm/machine.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "vmm/guest_clock.h"
#include "vmm/qemu_program.h"

namespace caisson::vmm {
namespace {

using testing::HasSubstr;
using testing::Not;

base::Fd any_file() {
  return base::open_file("/dev/null", O_RDONLY);
}

MachineConfig base_machine() {
  MachineConfig config;
  config.vcpus = 2;
  config.memory.size = base::mebibytes(512);
  return config;
}

std::string text_of(const MachineConfig& config) {
  return base::join(qemu_arguments(config, "/q"), " ");
}

// The whole line of a sandbox's everyday start.
TEST(Machine, CloneOnOneLine) {
  MachineConfig config = base_machine();
  config.memory.kind = MemoryKind::kTemplateClone;
  config.memory.file = any_file();
  config.device_state = any_file();
  Disk image;
  image.image.file = any_file();
  image.read_only = true;
  config.disks.push_back(std::move(image));
  Disk disk;
  disk.image = {.file = any_file(), .format = DiskFormat::kQcow2};
  disk.backing = DiskImage{.file = any_file(), .format = DiskFormat::kRaw};
  disk.flush_to_disk = false;
  config.disks.push_back(std::move(disk));
  EXPECT_EQ(
      text_of(config),
      "/q -no-user-config -nodefaults -display none -no-reboot "
      "-machine microvm,acpi=on,rtc=on,ioapic2=off,pcie=off,usb=off,graphics=off,mem-merge=off,dump-guest-core=off,"
      "memory-backend=ram "
      "-accel tcg,thread=multi,tb-size=128 -cpu max -smp 2 "
      "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny -m size=536870912B "
      "-object memory-backend-file,id=ram,size=536870912B,mem-path=/caisson.ram,share=off "
      "-chardev socket,id=qmp,fd=3 -mon chardev=qmp,mode=control "
      "-add-fd fd=5,set=5 -chardev file,id=console,path=/dev/fdset/5,append=on -serial chardev:console "
      "-device virtio-serial-device,max_ports=2 -chardev socket,id=link,fd=4 "
      "-device virtserialport,chardev=link,name=caisson.link "
      "-add-fd fd=10,set=10 "
      "-blockdev driver=file,node-name=disk0-file,filename=/dev/fdset/10,locking=off,auto-read-only=off,read-only=on "
      "-blockdev driver=raw,node-name=disk0,file=disk0-file,read-only=on "
      "-device virtio-blk-device,drive=disk0 "
      "-add-fd fd=13,set=13 "
      "-blockdev "
      "driver=file,node-name=disk1-base-file,filename=/dev/fdset/13,locking=off,auto-read-only=off,read-only=on "
      "-blockdev driver=raw,node-name=disk1-base,file=disk1-base-file,read-only=on "
      "-add-fd fd=12,set=12 "
      "-blockdev driver=file,node-name=disk1-file,filename=/dev/fdset/12,locking=off,auto-read-only=off,read-only=off,"
      "discard=unmap,cache.no-flush=on "
      "-blockdev driver=qcow2,node-name=disk1,file=disk1-file,read-only=off,discard=unmap,cache.no-flush=on,"
      "backing=disk1-base "
      "-device virtio-blk-device,drive=disk1 "
      "-device virtio-balloon-device,free-page-reporting=on -incoming defer");
}

TEST(Machine, TemplateIsWrittenThroughAndBoots) {
  MachineConfig config = base_machine();
  config.memory.kind = MemoryKind::kTemplateNew;
  config.memory.file = any_file();
  config.kernel = any_file();
  config.initramfs = any_file();
  config.command_line = "console=ttyS0 a=b,c";
  const std::string text = text_of(config);
  EXPECT_THAT(text, HasSubstr("mem-path=/caisson.ram,share=on"));
  EXPECT_THAT(text, HasSubstr("-kernel /proc/self/fd/7 -append console=ttyS0 a=b,c -initrd /proc/self/fd/8"));
  EXPECT_THAT(text, Not(HasSubstr("-incoming")));
}

TEST(Machine, ColdBootHasMemoryOfItsOwn) {
  MachineConfig config = base_machine();
  config.kernel = any_file();
  const std::string text = text_of(config);
  EXPECT_THAT(text, Not(HasSubstr("memory-backend")));
  EXPECT_THAT(text, Not(HasSubstr("-initrd")));
}

TEST(Machine, KvmTakesTheHostsProcessor) {
  MachineConfig config = base_machine();
  config.accelerator = Accelerator::kKvm;
  EXPECT_THAT(text_of(config), HasSubstr("-accel kvm -cpu host "));
}

TEST(Machine, TheSmallBinaryKnowsNoSandbox) {
  EXPECT_THAT(qemu_arguments(base_machine(), "/usr/bin/qemu-system-x86_64-microvm"),
              Not(testing::Contains("-sandbox")));
}

// What `inspect` says of it is what QEMU was told.
TEST(Machine, TheWallSaysWhetherQemusOwnFilterStands) {
  for (const std::string qemu : {"/usr/bin/qemu-system-x86_64-microvm", "/usr/bin/qemu-system-x86_64"}) {
    const std::vector<std::string> arguments = qemu_arguments(base_machine(), qemu);
    const bool told = std::find(arguments.begin(), arguments.end(), "-sandbox") != arguments.end();
    EXPECT_EQ(own_filter_part(qemu).stands, told) << qemu;
    EXPECT_EQ(own_filter_part(qemu).name, "QEMU's seccomp");
  }
}

TEST(Machine, AQcow2DiskNeverFollowsItsHeader) {
  MachineConfig config = base_machine();
  Disk disk;
  disk.image = {.file = any_file(), .format = DiskFormat::kQcow2};
  config.disks.push_back(std::move(disk));
  EXPECT_THAT(qemu_arguments(config, "/q"), testing::Contains(testing::EndsWith(",backing=")));
}

TEST(Machine, DescriptorsHaveTheNumbersOfTheLine) {
  MachineConfig config = base_machine();
  config.kernel = any_file();
  config.initramfs = any_file();
  Disk disk;
  disk.image.file = any_file();
  disk.backing = DiskImage{.file = any_file(), .format = DiskFormat::kRaw};
  config.disks.push_back(std::move(disk));
  const std::vector<std::pair<int, int>> expected = {{config.kernel.get(), 7},
                                                     {config.initramfs.get(), 8},
                                                     {config.disks[0].image.file.get(), 10},
                                                     {config.disks[0].backing->file.get(), 11}};
  EXPECT_EQ(qemu_descriptors(config), expected);
}

TEST(GuestClock, Parameters) {
  EXPECT_EQ(clock_parameters(2'596'140), "tsc=reliable tsc_early_khz=2596140 no_timer_check");
  EXPECT_EQ(clock_parameters(0), "");
}

#if defined(__x86_64__)
TEST(GuestClock, MeasuresAlikeTwice) {
  const auto first = static_cast<double>(measure_tsc_khz());
  const auto second = static_cast<double>(measure_tsc_khz());
  EXPECT_GT(first, 100'000);  // 100 MHz
  EXPECT_NEAR(second / first, 1.0, 0.001);
}
#endif

}  // namespace
}  // namespace caisson::vmm
