// SPDX-License-Identifier: Apache-2.0

// The guest kernel's console, kept for diagnosis. It is written by the guest: hostile bytes, without end.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <string>

#include "base/fd.h"

namespace caisson::engine::microvm {

// Once the file has grown to this, it is renamed to `path`.1 (over an older one) and a new one is begun.
inline constexpr size_t kMaxConsoleBytes = 1U << 20;

// Reads `console` to its end and appends it to the file at `path`, on `executor`. Returns at once; a file that cannot
// be written loses the console and nothing else.
void keep_console(boost::asio::any_io_executor executor, base::Fd console, std::string path);

}  // namespace caisson::engine::microvm
