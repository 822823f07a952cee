// SPDX-License-Identifier: Apache-2.0

// The end of all commands, and the orderly end of the machine.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>

#include "guest/guest.h"

namespace caisson::guest {

// TERM to the user's commands (HUP to a shell on a terminal that ignores TERM), the Docker Engine stopped (it stops its
// containers), KILL to what is left after `until_kill`; with 0 KILL alone. Each step begins as soon as there is nothing
// left to wait for. What was written is still to be read afterwards.
asio::awaitable<void> end_commands(Guest& guest, std::chrono::seconds until_kill);

// All commands ended, the disk's journal closed, power off. Does not return where init owns the machine; elsewhere it
// ends this process.
asio::awaitable<void> power_off(Guest& guest, std::chrono::seconds until_kill);

}  // namespace caisson::guest
