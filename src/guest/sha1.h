// SPDX-License-Identifier: Apache-2.0

// SHA-1 (RFC 3174), for a file format that ends with one. It protects nothing here: init has no other use of it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace caisson::guest {

std::array<uint8_t, 20> sha1(std::string_view bytes);

}  // namespace caisson::guest
