// SPDX-License-Identifier: Apache-2.0

// Sessions with the host, one after the other, each serving its streams until it ends.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "guest/guest.h"

namespace caisson::guest {

// Over a virtio port. A session that ends (the host froze the machine, or went away) is followed by the next on the
// same port; does not return.
asio::awaitable<void> serve_port_for_ever(Guest& guest, base::Fd port);

// One session over a pair of descriptors (`--stdio`); returns its reason when it ends, all commands killed.
asio::awaitable<std::string> serve_pipes(Guest& guest, base::Fd in, base::Fd out);
asio::awaitable<std::string> serve_socket(Guest& guest, base::Fd socket);

}  // namespace caisson::guest
