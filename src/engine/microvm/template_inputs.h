// SPDX-License-Identifier: Apache-2.0

// What a template of this engine depends on, for its key: whatever would make a thawed machine another one than the one
// that was frozen, or let it behave differently.
#pragma once

#include <string>

#include "engine/microvm/machine.h"
#include "image/templates.h"

namespace caisson::engine::microvm {

// What the template is made from, besides the machine's own sizes.
struct Ingredients {
  std::string image_digest;
  std::string kernel_digest;
  std::string initramfs_digest;
  std::string qemu;  // the program's path
  base::Bytes disk;
};

// Of `parts` the accelerator and the sizes count. Deterministic: nothing in it is measured. Under a millisecond.
image::TemplateInputs template_inputs(const Parts& parts, const Ingredients& ingredients);

}  // namespace caisson::engine::microvm
