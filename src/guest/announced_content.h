// SPDX-License-Identifier: Apache-2.0

// The content of a file whose size was announced to the host before it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace caisson::guest {

// Gives `write` exactly `size` bytes, by way of `buffer`: a file that grows meanwhile is cut, one that shrinks is
// filled up with zeros. `name` is for errors; throws base::Error, and what `write` throws.
void read_announced(const base::Fd& file, uint64_t size, const std::string& name, std::span<char> buffer,
                    const std::function<void(std::string_view)>& write);

}  // namespace caisson::guest
