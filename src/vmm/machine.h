// SPDX-License-Identifier: Apache-2.0

// One virtual machine as QEMU is told to make it: the hardware, and where its bytes come from. Everything but QEMU's
// own program, libraries and firmware is a descriptor, so that the jail's file system can be nearly empty.
//
// Three ways to start, by Memory::kind:
//  - kAnonymous: boots the kernel; nothing of its memory is kept.
//  - kTemplateNew: boots the kernel with its RAM in a file that is written through (shared); `device_state` is the
//    file that Qmp freeze() writes the devices' state to. Together with the disk they are a template.
//  - kTemplateClone: maps the template's RAM file privately (copy-on-write) and loads `device_state`; the guest runs
//    on by itself from where it was frozen, no QMP needed. The kernel, initramfs and command line must not be given
//    again.
//
// A template can only be thawed by a machine of the same shape: accelerator, CPU, vcpus, memory, number and order of
// disks, QEMU binary. Make them all part of the template's key: qemu_arguments() and qemu_identity() cover what this
// folder decides.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "vmm/accelerator.h"

namespace caisson::vmm {

enum class DiskFormat { kRaw, kQcow2 };

struct DiskImage {
  base::Fd
      file;  // opened O_RDONLY for a read-only disk or a backing file, O_RDWR for a writable disk: QEMU insists on it
  DiskFormat format = DiskFormat::kRaw;
};

// /dev/vda, /dev/vdb, … in the order of MachineConfig::disks.
struct Disk {
  DiskImage image;
  bool read_only = false;
  // For a qcow2 overlay: the file below it. What the qcow2 header names as its backing file is not looked at.
  std::optional<DiskImage> backing;
  // false: a flush of the guest writes QEMU's caches to the host's page cache but does not wait for the host's disk.
  // Safe against the death of QEMU, not of the host.
  bool flush_to_disk = true;
};

enum class MemoryKind { kAnonymous, kTemplateNew, kTemplateClone };

struct Memory {
  base::Bytes size;
  MemoryKind kind = MemoryKind::kAnonymous;
  // The RAM file, of exactly `size`: O_RDWR for kTemplateNew, O_RDONLY for kTemplateClone (checked; Vmm::start throws).
  // QEMU never gets a writable descriptor of a template that clones share.
  base::Fd file;
};

struct MachineConfig {
  Accelerator accelerator = Accelerator::kTcg;
  unsigned vcpus = 1;
  Memory memory;
  base::Fd kernel;  // bzImage; none for kTemplateClone
  base::Fd initramfs;
  // The kernel's; console=ttyS0 for the console. Vmm::start adds what the emulated clock needs (vmm/guest_clock.h). Not
  // to be given: init_on_free=1 or page_poison=1, because a clone's free pages are given back and then read as the
  // template's.
  std::string command_line;
  std::vector<Disk> disks;
  base::Fd device_state;  // kTemplateNew: opened for writing, empty; kTemplateClone: opened for reading at its start
};

// The name of the virtio port that carries the link, in /sys/class/virtio-ports/*/name of the guest.
inline constexpr std::string_view kLinkPortName = "caisson.link";

// Where QEMU is: for KVM Debian's small qemu-system-x86_64-microvm (KVM only) when it is installed, else and for TCG
// qemu-system-x86_64. Throws base::Error that says what to install.
std::string find_qemu(Accelerator accelerator);

// The numbers that QEMU's descriptors have in its process; the same in each machine, so that the command line is a pure
// function of the configuration.
inline constexpr int kQmpFd = 3;
inline constexpr int kLinkFd = 4;
inline constexpr int kConsoleFd = 5;
inline constexpr int kDeviceStateFd = 6;
inline constexpr int kKernelFd = 7;
inline constexpr int kInitramfsFd = 8;
inline constexpr int kFirstDiskFd = 10;
// Where the broker puts the RAM file into QEMU's table; the seccomp filter knows this number.
inline constexpr int kRamFd = 200;
// The path by which QEMU asks for its RAM file. It exists nowhere: the broker answers (see vmm/broker.h).
inline constexpr std::string_view kRamPath = "/caisson.ram";

// The whole command line, argv[0] being `qemu`. Pure: looks at which descriptors are there, never into them.
std::vector<std::string> qemu_arguments(const MachineConfig& config, const std::string& qemu);

// Which descriptor of ours becomes which number in QEMU's process, for the disks, kernel, initramfs and state (the QMP,
// link and console ends are added by Vmm::start). Borrowed from `config`.
std::vector<std::pair<int, int>> qemu_descriptors(const MachineConfig& config);

// Which QEMU the program at that path is: path, size and time of the binary. Throws base::Error.
std::string qemu_identity(const std::string& qemu);

}  // namespace caisson::vmm
