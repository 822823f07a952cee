// SPDX-License-Identifier: Apache-2.0

// The files of a sandbox's writable disk.
#pragma once

#include <string>

#include "base/bytes.h"

namespace caisson::engine::microvm {

// A sparse file of that size with an empty ext4 on it.
void make_base_disk(const std::string& path, base::Bytes size);

// An empty qcow2 overlay of that size. It names no backing file: QEMU is given one with each start.
void make_overlay(const std::string& path, base::Bytes size);

// Of a machine with such a disk, the largest file that its VMM has reason to write: a qcow2 file has tables beside its
// data (QEMU's docs/interop/qcow2: 1/8192 and 1/32768 of it, and what was freed and is not used again), and a
// template's memory is a file, too.
base::Bytes largest_file(base::Bytes disk, base::Bytes memory);

}  // namespace caisson::engine::microvm
