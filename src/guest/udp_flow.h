// SPDX-License-Identifier: Apache-2.0

// One flow of datagrams: a transparent socket with the address that the client sends to, connected to the client, and a
// stream of the link on which each datagram stands behind its length (2 bytes, big-endian).
#pragma once

#include "guest/flow_key.h"
#include "guest/waiting.h"
#include "link/session.h"

namespace caisson::guest {

// The flow lives until the host ends the stream or the client's port is closed. False when the socket cannot be made.
bool start_udp_flow(const asio::any_io_executor& executor, const FlowKey& flow, link::StreamPtr stream);

}  // namespace caisson::guest
