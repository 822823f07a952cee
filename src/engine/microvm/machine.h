// SPDX-License-Identifier: Apache-2.0

// The two machines of this engine, as vmm/ is told to make them: one that boots (a template in the making, or a sandbox
// that ran before) and one that is thawed from a template. Both have the same devices in the same order, or a template
// could not be loaded.
#pragma once

#include <string>

#include "base/bytes.h"
#include "vmm/machine.h"

namespace caisson::engine::microvm {

// The files and sizes of a machine.
struct Parts {
  vmm::Accelerator accelerator = vmm::Accelerator::kTcg;
  unsigned vcpus = 1;
  base::Bytes memory;
  std::string image;      // EROFS, read-only: vda
  std::string disk;       // vdb: raw while a template is made, else a qcow2 overlay of `base_disk`
  std::string base_disk;  // raw; empty while a template is made
  std::string kernel;
  std::string initramfs;
  std::string ram;           // the template's RAM file; empty: memory that is kept nowhere
  std::string device_state;  // the template's device state
};

// Boots the kernel; with `ram` set its memory goes to that file (a template in the making).
vmm::MachineConfig booting_machine(const Parts& parts);
// Runs on from where the template was frozen.
vmm::MachineConfig thawed_machine(const Parts& parts);

}  // namespace caisson::engine::microvm
