// SPDX-License-Identifier: Apache-2.0

// The port service: a published port's connection, carried to a server in the sandbox.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "guest/guest.h"
#include "link/session.h"

namespace caisson::guest {

// Connects to the port on 127.0.0.1, or on ::1 where nobody listens there; then raw bytes, each direction ended by
// itself.
asio::awaitable<void> serve_port(Guest& guest, link::StreamPtr stream, link::PortRequest request);

}  // namespace caisson::guest
