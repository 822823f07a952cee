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

}  // namespace caisson::engine::microvm
