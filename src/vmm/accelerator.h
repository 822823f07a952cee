// SPDX-License-Identifier: Apache-2.0

// Which accelerator QEMU can use here. An openable /dev/kvm is not proof: on a paravirtual host it opens, creates a
// virtual machine, and then a stock kernel hangs in it with one core busy. So KVM is taken only where the processor
// itself says that it can virtualise (vmx or svm), /dev/kvm opens, speaks API version 12 and makes a machine.
#pragma once

#include <string>
#include <string_view>

namespace caisson::vmm {

enum class Accelerator { kKvm, kTcg };

// "kvm", "tcg"
std::string_view to_string(Accelerator accelerator);

struct AcceleratorProbe {
  Accelerator accelerator = Accelerator::kTcg;
  std::string reason;  // one line for the user: why this one
  std::string remedy;  // how to get KVM, where that can be had; else ""
};

// What was seen on the host; the decision is made from these alone.
struct AcceleratorFacts {
  bool cpu_virtualises = false;  // a vmx or svm flag in /proc/cpuinfo
  int open_errno = 0;            // of opening /dev/kvm for reading and writing; 0 when it opened
  int api_version = 0;           // KVM_GET_API_VERSION
  int create_vm_errno = 0;       // of KVM_CREATE_VM; 0 when it worked
};

// Looks at the host: /proc/cpuinfo, /dev/kvm. Takes well under a millisecond; no side effects.
AcceleratorFacts read_accelerator_facts();
// Pure.
AcceleratorProbe judge_accelerator(const AcceleratorFacts& facts);
// Whether the text of /proc/cpuinfo has the flag vmx or svm. Pure.
bool cpu_virtualises(std::string_view cpuinfo);

inline AcceleratorProbe probe_accelerator() {
  return judge_accelerator(read_accelerator_facts());
}

}  // namespace caisson::vmm
