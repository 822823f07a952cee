// SPDX-License-Identifier: Apache-2.0

// A thread that nobody joins, because it may wait for ever in the kernel.
#pragma once

#include <functional>

namespace caisson::base {

// Runs `run` on a thread in which all signals are blocked: they are the loop's. A process that is born there unblocks
// them itself. Throws std::system_error where no thread is to be had; `run` must not throw.
void start_detached(std::function<void()> run);

}  // namespace caisson::base
