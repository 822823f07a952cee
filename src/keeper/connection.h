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

// What the connections of one server are at; `changed` is notified when a number falls.
struct Traffic {
  explicit Traffic(asio::any_io_executor executor) : changed(std::move(executor)) {}

  size_t connections = 0;  // that are no streams
  size_t streams = 0;      // commands, copies: they last
  size_t requests = 0;     // being answered
  link::Event changed;
};

struct ConnectionOptions {
  asio::any_io_executor executor;
  Control* control;
  base::Fd socket;
  bool first;                     // the one that the keeper was started with; its first request is counted already
  std::function<void()> on_gone;  // it ended without having become a stream
  Traffic* traffic;               // outlives the connection
};

// Streams of one server at once; more are refused with 503, so that the requests that stop a sandbox always have room.
inline constexpr size_t kMaxStreams = 512;

// Counts itself in options.traffic. Returns when the connection has ended, streams included. Never throws.
asio::awaitable<void> serve_connection(ConnectionOptions options);

}  // namespace caisson::keeper
