// SPDX-License-Identifier: Apache-2.0

// What the files of `caisson image` share.
#pragma once

#include <CLI/App.hpp>
#include <cstddef>

namespace caisson::cli {

constexpr size_t kShownDigits = 12;  // of a digest, in tables

void add_image_verify_command(CLI::App& image);

}  // namespace caisson::cli
