// SPDX-License-Identifier: Apache-2.0

#include "vmm/accelerator.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

namespace caisson::vmm {
namespace {

constexpr const char* kKvm = "/dev/kvm";
constexpr int kApiVersion = 12;  // Documentation/virt/kvm/api.rst, KVM_GET_API_VERSION: "12" since Linux 2.6.22
constexpr size_t kMaxCpuinfoBytes = 64U << 20;

AcceleratorProbe software(std::string why, std::string remedy) {
  return {.accelerator = Accelerator::kTcg,
          .reason = "software emulation, which computes about twenty times slower (no KVM: " + why + ")",
          .remedy = std::move(remedy)};
}

}  // namespace

std::string_view to_string(Accelerator accelerator) {
  return accelerator == Accelerator::kKvm ? "kvm" : "tcg";
}

bool cpu_virtualises(std::string_view cpuinfo) {
  // "flags\t\t: fpu vme …", the same for each processor: the first line is enough. (The lines "vmx flags" are
  // others.)
  for (size_t start = 0; start < cpuinfo.size();) {
    const size_t end = std::min(cpuinfo.find('\n', start), cpuinfo.size());
    const std::string_view line = cpuinfo.substr(start, end - start);
    start = end + 1;
    if (!line.starts_with("flags")) continue;
    for (const std::string& word : base::split(line, ' ')) {
      if (word == "vmx" || word == "svm") return true;
    }
    return false;
  }
  return false;
}

AcceleratorFacts read_accelerator_facts() {
  AcceleratorFacts facts;
  facts.cpu_virtualises = cpu_virtualises(base::read_file_if_exists("/proc/cpuinfo", kMaxCpuinfoBytes).value_or(""));
  const base::Fd kvm(::open(kKvm, O_RDWR | O_CLOEXEC));
  if (!kvm) {
    facts.open_errno = errno;
    return facts;
  }
  facts.api_version = ::ioctl(kvm.get(), KVM_GET_API_VERSION, 0);
  const base::Fd machine(::ioctl(kvm.get(), KVM_CREATE_VM, 0));
  if (!machine) facts.create_vm_errno = errno;
  return facts;
}

// The processor's word comes first: what is wrong with the device does not matter where it could not be used.
AcceleratorProbe judge_accelerator(const AcceleratorFacts& facts) {
  if (!facts.cpu_virtualises) {
    const bool opens = facts.open_errno == 0;
    return software(
        std::string("the processor shows no vmx or svm flag") +
            (opens ? ", although /dev/kvm opens: a paravirtual host on which a stock kernel hangs" : ""),
        opens ? "switch nested virtualisation on in the host of this machine"
              : "switch virtualisation on in the firmware, or nested virtualisation on in the host of this machine");
  }
  if (facts.open_errno == EACCES || facts.open_errno == EPERM)
    return software("/dev/kvm may not be opened by this user",
                    "add yourself to its group: sudo usermod -aG kvm \"$USER\", then log in again");
  if (facts.open_errno == ENOENT)
    return software("/dev/kvm does not exist", "load the module: sudo modprobe kvm_intel, or kvm_amd");
  if (facts.open_errno != 0)
    return software("/dev/kvm cannot be opened: " + std::string(std::strerror(facts.open_errno)), "");
  if (facts.api_version != kApiVersion)
    return software("/dev/kvm speaks API version " + std::to_string(facts.api_version) + ", not 12", "");
  if (facts.create_vm_errno != 0)
    return software("/dev/kvm makes no machine: " + std::string(std::strerror(facts.create_vm_errno)),
                    facts.create_vm_errno == EBUSY ? "stop the other hypervisor that holds the processor" : "");
  return {.accelerator = Accelerator::kKvm, .reason = "KVM", .remedy = ""};
}

}  // namespace caisson::vmm
