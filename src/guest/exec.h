// SPDX-License-Identifier: Apache-2.0

// The exec service: starts one command, carries its streams, and reports its end.
//
// The command's end is the end of its main process: what is in its pipes then is still sent, and a child in the
// background that holds a pipe open does not delay kExit. When the host resets the stream, or the session ends, the
// command's process group is killed.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "guest/guest.h"
#include "link/session.h"

namespace caisson::guest {

asio::awaitable<void> serve_exec(Guest& guest, link::StreamPtr stream, link::ExecRequest request);

}  // namespace caisson::guest
