// SPDX-License-Identifier: Apache-2.0

// The API's transport: HTTP/1.1 (Boost.Beast) on a unix socket in a folder of mode 0700, and on connections that were
// inherited.
//
// Bounds: 64 connections and 512 streams, 16 KiB of header, 1 MiB of body, 30 s for a request from its first byte and
// for an answer, 60 s idle. A peer of another user than this one or root is closed without an answer (SO_PEERCRED).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/fd.h"
#include "keeper/control.h"

namespace caisson::keeper {

class Server {
 public:
  // `control` must outlive the Server and all its connections.
  Server(asio::any_io_executor executor, Control& control);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Makes the folder and the socket in it and begins to accept. What a killed keeper left there is replaced.
  void listen(const std::string& socket_path);
  // Serves a connection that the keeper was started with. `on_gone` is called when it ends without having become a
  // stream.
  void serve_first(base::Fd connection, std::function<void()> on_gone);
  // No more connections; the socket and its folder are removed. What is being answered goes on.
  void close();
  // Waits until the requests under way are answered, and the first connection has asked something or gone.
  asio::awaitable<void> drained();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace caisson::keeper
