// SPDX-License-Identifier: Apache-2.0

// Bytes from the kernel's random generator (getrandom(2)). Safe from any thread.
#pragma once

#include <cstddef>
#include <string>

namespace caisson::base {

// Throws base::Error. `count` is at most 256: so many always come whole.
std::string random_bytes(size_t count);
// Twice as many lower-case hexadecimal digits.
std::string random_hex(size_t bytes);

}  // namespace caisson::base
