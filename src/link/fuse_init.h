// SPDX-License-Identifier: Apache-2.0

// What the server of a workspace answers to FUSE_INIT, by which a kernel and its server agree on what both can do
// (<linux/fuse.h>, "INIT"). Host and guest have it from here: a guest answers in the server's place where it makes the
// file system before there is a server (guest/ready_overlay.h).
#pragma once

#include <linux/fuse.h>

#include <cstddef>
#include <cstdint>

namespace caisson::link {

// What one request reads or writes at most.
inline constexpr size_t kMostFuseDataBytes = 1U << 20;
// A kernel cannot be older than this: BATCH_FORGET, READDIRPLUS, RENAME2, LSEEK, max_pages (Linux 5.4).
inline constexpr uint32_t kOldestFuseMinor = 31;

// `in` is of our major version and not older than kOldestFuseMinor.
fuse_init_out fuse_init_answer(const fuse_init_in& in, bool read_only);

}  // namespace caisson::link
