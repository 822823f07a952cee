// SPDX-License-Identifier: Apache-2.0

// Sockets to where a connection was allowed to go.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
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

// RFC 8305, section 4: the families in turn, each in its order, that of the first address first.
std::vector<IpAddress> in_dial_order(const std::vector<IpAddress>& addresses);

struct DialLimits {
  std::chrono::milliseconds stagger{250};     // before the next address is tried while none has answered
  std::chrono::milliseconds longest{130000};  // for the last one: as long as Linux itself would try
  // How many more sockets than one there may be for each connection, all connections together, which this counts down
  // and up again; null: any number. Where there are none left, an address has `patience` before the next takes its
  // place.
  size_t* spare = nullptr;
  std::chrono::milliseconds patience{4000};
};

// A TCP connection to one of the addresses, tried as RFC 8305 ("Happy Eyeballs") says: the families in turn, one that
// does not answer soon alongside the next; the first that is made counts, and the others end. `limits.spare` outlives
// this. Throws base::Error with
// the reason (and errnum()) of the last one that has failed.
asio::awaitable<Dialled> dial_tcp(asio::any_io_executor executor, std::vector<IpAddress> addresses, uint16_t port,
                                  DialLimits limits);

// A UDP socket that exchanges datagrams with the first of these addresses to which there is a way, and with no other.
// Throws base::Error.
Dialled dial_udp(const asio::any_io_executor& executor, const std::vector<IpAddress>& addresses, uint16_t port);

}  // namespace caisson::gate
