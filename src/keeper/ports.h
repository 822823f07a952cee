// SPDX-License-Identifier: Apache-2.0

// Published ports: each connection to a listener on the host becomes a stream to a port in the guest.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <vector>

#include "keeper/channel.h"
#include "link/guest_client.h"
#include "spec/sandbox_spec.h"

namespace caisson::keeper {

class Ports {
 public:
  explicit Ports(asio::any_io_executor executor);
  ~Ports();
  Ports(const Ports&) = delete;
  Ports& operator=(const Ports&) = delete;

  // Binds and listens: connections wait from here on. Throws base::Error that names the port which cannot be had; then
  // none is.
  void bind(const std::vector<spec::PortPublish>& wanted);
  // As they are bound.
  std::vector<spec::PortPublish> bound() const;
  // Begins to accept. `guest` must live until close(), and as long as connections do.
  void serve(link::GuestClient& guest);
  // Ends the listeners; connections end with the link.
  void close();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace caisson::keeper
