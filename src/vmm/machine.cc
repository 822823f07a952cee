// SPDX-License-Identifier: Apache-2.0

#include "vmm/machine.h"

#include "vmm/qemu_program.h"

namespace caisson::vmm {
namespace {

// Adds "fd=N" as fdset N, by which -blockdev and -chardev can name it: /dev/fdset/N.
std::string fdset(std::vector<std::string>& arguments, int number) {
  const std::string text = std::to_string(number);
  arguments.insert(arguments.end(), {"-add-fd", "fd=" + text + ",set=" + text});
  return "/dev/fdset/" + text;
}

std::string format_name(DiskFormat format) {
  return format == DiskFormat::kRaw ? "raw" : "qcow2";
}

// One image as two block nodes: the file, and above it the node `name` which reads its format.
struct ImageNodes {
  std::string name;
  DiskFormat format;
  int number;
  std::string options;         // of both
  std::string format_options;  // of the upper one
};

void add_image(std::vector<std::string>& arguments, const ImageNodes& image) {
  const std::string path = fdset(arguments, image.number);
  // locking=off: the sandbox's lock is the keeper's, and many sandboxes share a file below.
  arguments.insert(arguments.end(), {"-blockdev", "driver=file,node-name=" + image.name + "-file,filename=" + path +
                                                      ",locking=off,auto-read-only=off" + image.options});
  arguments.insert(arguments.end(),
                   {"-blockdev", "driver=" + format_name(image.format) + ",node-name=" + image.name +
                                     ",file=" + image.name + "-file" + image.options + image.format_options});
}

// The numbers of disk `index`: its file, and the one below it.
int disk_number(size_t index) {
  return kFirstDiskFd + 2 * static_cast<int>(index);
}
int backing_number(size_t index) {
  return disk_number(index) + 1;
}

void add_disk(std::vector<std::string>& arguments, const Disk& disk, size_t index) {
  const std::string name = "disk" + std::to_string(index);
  std::string options = disk.read_only ? ",read-only=on" : ",read-only=off,discard=unmap";
  if (!disk.flush_to_disk) options += ",cache.no-flush=on";
  // What a qcow2 header says about a file below is never followed: the node is named here, or there is none
  // ("backing=").
  std::string backing;
  if (disk.image.format == DiskFormat::kQcow2) backing = ",backing=";
  if (disk.backing) {
    const std::string below = name + "-base";
    const bool qcow2 = disk.backing->format == DiskFormat::kQcow2;
    add_image(arguments, {.name = below,
                          .format = disk.backing->format,
                          .number = backing_number(index),
                          .options = ",read-only=on",
                          .format_options = qcow2 ? ",backing=" : ""});
    backing += below;
  }
  add_image(arguments, {.name = name,
                        .format = disk.image.format,
                        .number = disk_number(index),
                        .options = options,
                        .format_options = backing});
  arguments.insert(arguments.end(), {"-device", "virtio-blk-device,drive=" + name});
}

void add_memory(std::vector<std::string>& arguments, const Memory& memory) {
  const std::string size = std::to_string(memory.size.count) + "B";
  arguments.insert(arguments.end(), {"-m", "size=" + size});
  if (memory.kind == MemoryKind::kAnonymous) return;
  const std::string share = memory.kind == MemoryKind::kTemplateNew ? "on" : "off";
  arguments.insert(arguments.end(), {"-object", "memory-backend-file,id=ram,size=" + size +
                                                    ",mem-path=" + std::string(kRamPath) + ",share=" + share});
}

std::string machine_option(const MachineConfig& config) {
  // acpi=on: this kernel finds virtio-mmio devices by ACPI only, and powers off by it. rtc=on: the guest's clock is
  // near the truth from the start. The rest is what is not needed: a second I/O APIC would also make 24 virtio slots
  // instead of 8.
  std::string text =
      "microvm,acpi=on,rtc=on,ioapic2=off,pcie=off,usb=off,graphics=off,mem-merge=off,dump-guest-core=off";
  if (config.memory.kind != MemoryKind::kAnonymous) text += ",memory-backend=ram";
  return text;
}

}  // namespace

std::vector<std::string> qemu_arguments(const MachineConfig& config, const std::string& qemu) {
  const bool kvm = config.accelerator == Accelerator::kKvm;
  std::vector<std::string> arguments = {
      qemu,
      "-no-user-config",
      "-nodefaults",
      "-display",
      "none",
      "-no-reboot",
      "-machine",
      machine_option(config),
      "-accel",
      // Translated code takes up to 1 GiB unless bounded; 128 MiB is as fast for a container's start.
      kvm ? "kvm" : "tcg,thread=multi,tb-size=128",
      "-cpu",
      kvm ? "host" : "max",
      "-smp",
      std::to_string(config.vcpus),
  };
  // Where there is none the jail's own filter forbids all of that, and more.
  if (has_own_filter(qemu))
    arguments.insert(arguments.end(),
                     {"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"});
  add_memory(arguments, config.memory);
  arguments.insert(arguments.end(),
                   {"-chardev", "socket,id=qmp,fd=" + std::to_string(kQmpFd), "-mon", "chardev=qmp,mode=control"});
  const std::string console = fdset(arguments, kConsoleFd);
  arguments.insert(arguments.end(),
                   {"-chardev", "file,id=console,path=" + console + ",append=on", "-serial", "chardev:console"});
  arguments.insert(arguments.end(), {"-device", "virtio-serial-device,max_ports=2", "-chardev",
                                     "socket,id=link,fd=" + std::to_string(kLinkFd), "-device",
                                     "virtserialport,chardev=link,name=" + std::string(kLinkPortName)});
  for (size_t i = 0; i < config.disks.size(); ++i) add_disk(arguments, config.disks[i], i);
  arguments.insert(arguments.end(), {"-device", "virtio-balloon-device,free-page-reporting=on"});
  if (config.memory.kind == MemoryKind::kTemplateClone) {
    arguments.insert(arguments.end(), {"-incoming", "defer"});
    return arguments;
  }
  if (!config.kernel) return arguments;
  arguments.insert(arguments.end(),
                   {"-kernel", "/proc/self/fd/" + std::to_string(kKernelFd), "-append", config.command_line});
  if (config.initramfs) arguments.insert(arguments.end(), {"-initrd", "/proc/self/fd/" + std::to_string(kInitramfsFd)});
  return arguments;
}

std::vector<std::pair<int, int>> qemu_descriptors(const MachineConfig& config) {
  std::vector<std::pair<int, int>> result;
  auto add = [&](const base::Fd& file, int number) {
    if (file) result.emplace_back(file.get(), number);
  };
  if (config.memory.kind == MemoryKind::kTemplateClone) add(config.device_state, kDeviceStateFd);
  add(config.kernel, kKernelFd);
  add(config.initramfs, kInitramfsFd);
  for (size_t i = 0; i < config.disks.size(); ++i) {
    add(config.disks[i].image.file, disk_number(i));
    if (config.disks[i].backing) add(config.disks[i].backing->file, backing_number(i));
  }
  return result;
}

}  // namespace caisson::vmm
