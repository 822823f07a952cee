// SPDX-License-Identifier: Apache-2.0

// One connection of the API, from its first request to its end or its upgrade.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>

#include "base/fd.h"
#include "keeper/control.h"
#include "link/event.h"

namespace caisson::keeper {

struct ConnectionOptions {
  asio::any_io_executor executor;
  Control* control;
  base::Fd socket;
  bool first;                     // the one that the keeper was started with; its first request is counted already
  std::function<void()> on_gone;  // it ended without having become a stream
  size_t* requests;               // counts those being answered
  link::Event* changed;           // notified when that count falls
};

// Returns when the connection has ended, streams included. Never throws.
asio::awaitable<void> serve_connection(ConnectionOptions options);

}  // namespace caisson::keeper
