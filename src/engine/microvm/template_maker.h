// SPDX-License-Identifier: Apache-2.0

// Makes a template: boots the machine once, waits until all that a sandbox needs is up and warm, and freezes it.
#pragma once

#include <string>
#include <vector>

#include "base/progress.h"
#include "engine/microvm/machine.h"
#include "image/templates.h"
#include "link/services.h"

namespace caisson::engine::microvm {

struct TemplatePlan {
  Parts shape;  // accelerator, sizes, image, kernel, initramfs
  base::Bytes disk_size;
  // Of the machine that makes it. A sandbox whose keeper names the same need not write them at its start; no other
  // trust than its keeper's outlives the thaw.
  std::vector<link::Authority> authorities;
};

// Fills the empty `folder` with a template. Throws base::Error, with the end of the guest's console when it did not
// come up.
void make_template(TemplatePlan plan, const std::string& folder, base::Progress& progress);

// Removes what makers that were killed left, of whatever template: the unfinished files, and the group of the machine.
void sweep_killed_makers(const image::TemplateStore& store);

}  // namespace caisson::engine::microvm
