// SPDX-License-Identifier: Apache-2.0

// The end of all commands, and the orderly end of the machine.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "guest/guest.h"

namespace caisson::guest {

// TERM to the user's commands, the Docker Engine stopped (it stops its containers), KILL to what is left; or KILL to
// all. Bounded in time. What was written is still to be read afterwards.
enum class End { kInOrder, kAtOnce };
asio::awaitable<void> end_commands(Guest& guest, End how);

// All commands ended in order, the disk's journal closed, power off. Bounded in time, and does not return where init
// owns the machine; elsewhere it ends this process.
asio::awaitable<void> power_off(Guest& guest);

}  // namespace caisson::guest
