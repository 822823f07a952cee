// SPDX-License-Identifier: Apache-2.0

// Reading what is too much to be held at once.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "base/error.h"

namespace caisson::base {

// Gives `part` (bool(std::string_view)) all that comes from a descriptor to its end, up to `most_bytes` at a time,
// until it says not to go on: then false. Blocks. `name` is for errors; throws Error.
template <typename Part>
bool read_parts(int from, size_t most_bytes, std::string_view name, const Part& part) {
  std::string buffer(most_bytes, '\0');
  while (true) {
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw system_error("cannot read", name);
    if (got == 0) return true;
    if (!part(std::string_view(buffer).substr(0, static_cast<size_t>(got)))) return false;
  }
}

}  // namespace caisson::base
