// SPDX-License-Identifier: Apache-2.0

// The engine's files in a sandbox's folder.
//
//   vm/disk.qcow2   what the sandbox has written
//   vm/base.raw     what that is written over: the template's disk
//   vm/fresh        there from create() until the first start: the disk still fits the template's memory
//   vm/template     which RAM file and device state that disk was frozen with (template_identity)
//   vm/cgroup       the name of its VMM's cgroup
//   vm/image.erofs, vm/kernel, vm/initramfs.cpio   what it boots from; only where it is kept after its end
//
// The large ones are hard links to the cache's files, or copies where the cache is on another file system, so a kept
// sandbox starts again whatever becomes of the cache.
#pragma once

#include <string>
#include <vector>

#include "engine/microvm/machine.h"

namespace caisson::engine::microvm {

struct SandboxFiles {
  explicit SandboxFiles(const std::string& sandbox) : folder(sandbox + "/vm") {}

  std::string overlay() const { return folder + "/disk.qcow2"; }
  std::string base_disk() const { return folder + "/base.raw"; }
  std::string fresh() const { return folder + "/fresh"; }
  std::string template_seen() const { return folder + "/template"; }
  // new_group_name() of the sandbox's name, which alone would not do: sandboxes of other state folders have the same
  // names, and a group's remains are killed.
  std::string group() const { return folder + "/cgroup"; }
  std::string image() const { return folder + "/image.erofs"; }
  std::string kernel() const { return folder + "/kernel"; }
  std::string initramfs() const { return folder + "/initramfs.cpio"; }

  std::string folder;
};

// Throws where the folder's file system has no room for what it gets of `sources`: a copy, where a hard link cannot be.
void require_space_for(const std::vector<std::string>& sources, const SandboxFiles& files);
// Gives the sandbox the image, kernel and initramfs of `parts`.
void keep_boot_files(const Parts& parts, const SandboxFiles& files);
// Lets `parts` name those that the sandbox has.
void use_kept_boot_files(Parts& parts, const SandboxFiles& files);

// What tells an opened RAM file and device state from those of a template of the same key that was made later.
std::string template_identity(int ram, int device_state);

}  // namespace caisson::engine::microvm
