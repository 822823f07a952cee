// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/template_inputs.h"

#include "image/digest.h"
#include "vmm/guest_clock.h"

namespace caisson::engine::microvm {
namespace {

constexpr const char* kNowhere = "/dev/null";

std::string lines_of(const std::vector<std::string>& arguments) {
  std::string lines;
  for (const std::string& argument : arguments) lines += argument + "\n";
  return lines;
}

// Of all that QEMU and the kernel are told, when the machine is frozen and when it is thawed: whatever changes there
// makes other templates, without anybody having to think of it.
std::string machine_digest(const Parts& like, const std::string& qemu) {
  Parts parts{.accelerator = like.accelerator,
              .vcpus = like.vcpus,
              .memory = like.memory,
              .image = kNowhere,
              .disk = kNowhere,
              .base_disk = "",
              .kernel = kNowhere,
              .initramfs = kNowhere,
              .ram = kNowhere,
              .device_state = kNowhere};
  std::string told = lines_of(vmm::qemu_arguments(booting_machine(parts), qemu));
  // Vmm::start() adds them with the rate that it measures; host_cpu stands for that.
  told += vmm::clock_parameters(1) + "\n";
  parts.base_disk = kNowhere;
  told += lines_of(vmm::qemu_arguments(thawed_machine(parts), qemu));
  return image::sha256(told);
}

}  // namespace

image::TemplateInputs template_inputs(const Parts& parts, const Ingredients& ingredients) {
  image::TemplateInputs inputs;
  inputs.image_digest = ingredients.image_digest;
  inputs.kernel_digest = ingredients.kernel_digest;
  inputs.initramfs_digest = ingredients.initramfs_digest;
  inputs.vmm = vmm::qemu_identity(ingredients.qemu);
  inputs.machine = machine_digest(parts, ingredients.qemu);
  inputs.accelerator = vmm::to_string(parts.accelerator);
  inputs.cpu_model = parts.accelerator == vmm::Accelerator::kKvm ? "host" : "max";
  // Under KVM for the flags that the guest saw. In software for the rate of the time stamp counter, which is the host's
  // own and was given to the kernel at its boot (vmm/guest_clock.h): on another processor the guest's clock would run
  // wrong. The rate itself is no part of a key, since no two measurements of it are equal and rounding only moves the
  // places where they differ; the processor's identity is.
  inputs.host_cpu = image::host_cpu_digest();
  inputs.cpus = parts.vcpus;
  inputs.memory = parts.memory;
  inputs.disk = ingredients.disk;
  return inputs;
}

}  // namespace caisson::engine::microvm
