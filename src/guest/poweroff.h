// SPDX-License-Identifier: Apache-2.0

// The orderly end of the machine.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>

#include "guest/guest.h"

namespace caisson::guest {

// TERM to the user's commands, the Docker Engine stopped (it stops its containers), KILL to what is left after
// `until_kill`, the disk's journal closed, power off. Each step begins as soon as there is nothing left to wait for.
// Does not return where init owns the machine; elsewhere it ends this process.
asio::awaitable<void> power_off(Guest& guest, std::chrono::seconds until_kill);

}  // namespace caisson::guest
