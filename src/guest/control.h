// SPDX-License-Identifier: Apache-2.0

// The control service: requests and answers, one after the other (link/services.h lists them).
#pragma once

#include <boost/asio/awaitable.hpp>

#include "guest/guest.h"
#include "link/session.h"

namespace caisson::guest {

// The stream after its first message, which only named the service.
asio::awaitable<void> serve_control(Guest& guest, link::StreamPtr stream);

}  // namespace caisson::guest
