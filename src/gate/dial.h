// SPDX-License-Identifier: Apache-2.0

// Sockets to where a connection was allowed to go.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "gate/address.h"
#include "link/descriptor.h"

namespace caisson::gate {

namespace asio = boost::asio;

struct Dialled {
  std::shared_ptr<link::Descriptor> socket;
  std::optional<IpAddress> address;
  bool once = false;  // the user allowed this connection, and no rule speaks of it
};

// A TCP connection to the first of the addresses that takes it, one after the other. Throws base::Error with the reason
// (and errnum()) of the last one.
asio::awaitable<Dialled> dial_tcp(asio::any_io_executor executor, std::vector<IpAddress> addresses, uint16_t port);

// A UDP socket that exchanges datagrams with this address only. Throws base::Error.
std::shared_ptr<link::Descriptor> dial_udp(const asio::any_io_executor& executor, const IpAddress& address,
                                           uint16_t port);

}  // namespace caisson::gate
