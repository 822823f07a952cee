// SPDX-License-Identifier: Apache-2.0

// Makes a template: boots the machine once, waits until all that a sandbox needs is up and warm, and freezes it.
#pragma once

#include <string>

#include "base/progress.h"
#include "engine/microvm/machine.h"
#include "image/templates.h"

namespace caisson::engine::microvm {

// Fills the empty `folder` with a template of a machine with `shape` (accelerator, sizes, image, kernel, initramfs) and
// a writable disk of `disk_size`. Throws base::Error, with the end of the guest's console when it did not come up.
void make_template(Parts shape, base::Bytes disk_size, const std::string& folder, base::Progress& progress);

// Removes what makers that were killed left, of whatever template: the unfinished files, and the group of the machine.
void sweep_killed_makers(const image::TemplateStore& store);

}  // namespace caisson::engine::microvm
