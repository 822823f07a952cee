// SPDX-License-Identifier: Apache-2.0

// Unpacks one tar stream, with any compression libarchive reads without starting a program, into a Tree. Used by the
// helper program caisson-unpack only, so that libarchive and its libraries stay out of `caisson`.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "image/tree.h"

namespace caisson::image {

// Bounds on what an archive may hold; passing one is an Error that names it. A file counts with its full size, holes
// included, because the image will hold them.
struct UnpackLimits {
  uint64_t max_bytes = UINT64_C(64) << 30;
  uint64_t max_entries = 4'000'000;
  uint64_t max_xattr_bytes = 64U << 10;  // of one entry
};

// Counted over all layers.
struct UnpackTotals {
  uint64_t bytes = 0;
  uint64_t entries = 0;
};

struct UnpackOptions {
  bool whiteouts = false;    // ".wh." files are an OCI layer's whiteouts
  bool require_end = false;  // the stream must end with tar's end marker, so that one cut between two files is noticed
  std::string diff_id = {};  // SHA-256 that the uncompressed stream must have; "" = not checked
  UnpackLimits limits = {};
  // Told now and then; `consumed` are bytes of the compressed stream.
  std::function<void(const UnpackTotals& totals, uint64_t consumed)> tick = {};
};

// Reads `fd` to its end into `tree` and adds to `totals`. Throws base::Error that begins with the archive's `name`; the
// tree is then useless.
void unpack_layer(int fd, const std::string& name, Tree& tree, UnpackTotals& totals, const UnpackOptions& options);

// Whether the archive looks like a saved container image ("oci", "docker") or like a root file system ("root"), by the
// names of its first entries.
std::string archive_kind(int fd, const std::string& name);

}  // namespace caisson::image
