// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/machine.h"

#include <fcntl.h>

namespace caisson::engine::microvm {
namespace {

// quiet: each line on an emulated serial port costs boot time; warnings and worse still come through.
// panic=-1 with QEMU's -no-reboot: a panicking guest ends at once instead of hanging.
constexpr const char* kCommandLine = "console=ttyS0 quiet loglevel=4 panic=-1 reboot=t random.trust_cpu=on";
// Each is code that an emulated processor translates anew in every clone. It does not speculate, so there is nothing to
// mitigate; and the image has no profiles for the modules that are left out, which would say yes to all.
constexpr const char* kEmulated = " mitigations=off lsm=landlock,lockdown,yama,integrity,bpf";

vmm::MachineConfig common(const Parts& parts) {
  vmm::MachineConfig config;
  config.accelerator = parts.accelerator;
  config.vcpus = parts.vcpus;
  config.memory.size = parts.memory;
  config.command_line = kCommandLine;
  if (parts.accelerator == vmm::Accelerator::kTcg) config.command_line += kEmulated;

  vmm::Disk image;
  image.image.file = base::open_file(parts.image, O_RDONLY);
  image.read_only = true;
  config.disks.push_back(std::move(image));

  vmm::Disk disk;
  disk.image.file = base::open_file(parts.disk, O_RDWR);
  disk.flush_to_disk = false;  // a sandbox's disk need not survive the host's power failure, and a flush costs much
  if (!parts.base_disk.empty()) {
    disk.image.format = vmm::DiskFormat::kQcow2;
    disk.backing.emplace();
    disk.backing->file = base::open_file(parts.base_disk, O_RDONLY);
  }
  config.disks.push_back(std::move(disk));
  return config;
}

}  // namespace

vmm::MachineConfig booting_machine(const Parts& parts) {
  vmm::MachineConfig config = common(parts);
  config.kernel = base::open_file(parts.kernel, O_RDONLY);
  config.initramfs = base::open_file(parts.initramfs, O_RDONLY);
  if (!parts.ram.empty()) {
    config.memory.kind = vmm::MemoryKind::kTemplateNew;
    config.memory.file = base::open_file(parts.ram, O_RDWR);
    config.device_state = base::open_file(parts.device_state, O_WRONLY | O_CREAT | O_TRUNC);
  }
  return config;
}

vmm::MachineConfig thawed_machine(const Parts& parts) {
  vmm::MachineConfig config = common(parts);
  config.memory.kind = vmm::MemoryKind::kTemplateClone;
  config.memory.file = base::open_file(parts.ram, O_RDONLY);
  config.device_state = base::open_file(parts.device_state, O_RDONLY);
  return config;
}

}  // namespace caisson::engine::microvm
