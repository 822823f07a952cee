// SPDX-License-Identifier: Apache-2.0

// Opening by path where somebody else may put links: openat2(2), through no link, whoever put it there and when.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/fd.h"

namespace caisson::base {

// From the root or the current folder; no link in the path is followed. None where it fails, and errno says why (ELOOP:
// there is a link).
Fd open_without_links(const std::string& path, int flags);

// The same from the folder `dir`, and nothing outside of it is reached. "" is the folder itself.
Fd open_beneath(int dir, const std::string& path, int flags, unsigned mode = 0);

// The content of a regular file beneath `dir`; nothing where there is none. Throws Error, also where a link is in the
// path and where it is larger.
std::optional<std::string> read_beneath(int dir, const std::string& path, size_t max_bytes);

}  // namespace caisson::base
